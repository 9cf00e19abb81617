// This browser's camera: its frames go to the server, what was found comes back and is drawn over the video.

const LONGEST_SIDE = 640; // pixels; twice what the network looks at
const QUALITY = 0.75;
const IN_FLIGHT = 2; // more would only wait, and grow old
const GIVEN_UP = 3000; // ms after which an answer is not expected any more
const RECENT = 128; // answers that the age is about

const REASONS = {
  NotAllowedError: "Permission for the camera was refused. Allow it in the browser's settings for this page, then start again.",
  NotFoundError: "No camera was found on this device.",
  OverconstrainedError: "No camera was found on this device.",
  NotReadableError: "The camera does not start; is another program using it?",
  SecurityError: "Cameras are forbidden for this page.",
};

/** Why there cannot be a camera on this page, or null. */
export function obstacle() {
  if (!isSecureContext) {
    return "Browsers give a camera only to pages on this machine or over HTTPS; open this page with https:// in front.";
  }
  return navigator.mediaDevices?.getUserMedia ? null : "This browser gives no page a camera.";
}

export class Camera {
  /**
   * @param {HTMLVideoElement} video
   * @param {HTMLCanvasElement} overlay lies over the video
   * @param {import("./link.js").Link} link
   * @param {function()} ended is told when the camera goes away by itself
   */
  constructor(video, overlay, link, ended) {
    Object.assign(this, { video, overlay, link, ended });
    this.facing = "environment";
    this.scaled = document.createElement("canvas");
    this.inFlight = [];
    this.ages = [];
    this.paused = false;
    document.addEventListener("visibilitychange", () => this.running && !document.hidden && this.keepAwake());
  }

  get running() {
    return this.stream !== undefined;
  }

  /** Start; rejects with an error whose message says why that cannot be. */
  async start() {
    this.stop();
    const problem = obstacle();
    if (problem) throw new Error(problem);
    const video = { facingMode: { ideal: this.facing }, width: { ideal: 1280 }, height: { ideal: 720 } };
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
    } catch (error) {
      throw new Error(REASONS[error.name] ?? `The camera does not start (${error.message || error.name}).`);
    }
    const [track] = this.stream.getVideoTracks();
    track.addEventListener("ended", () => this.running && this.ended("The camera was switched off."));
    this.mirrored = track.getSettings().facingMode === "user";
    this.video.classList.toggle("mirrored", this.mirrored);
    this.video.srcObject = this.stream;
    this.ages = [];
    await this.video.play();
    this.keepAwake();
    this.follow(this.stream);
  }

  stop() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = undefined;
    this.inFlight = [];
    this.video.srcObject = null;
    this.wakeLock?.release().catch(() => {});
    this.wakeLock = undefined;
    this.overlay.getContext("2d").clearRect(0, 0, this.overlay.width, this.overlay.height);
  }

  /** The other side's camera, where there is one. */
  async turn() {
    this.facing = this.facing === "user" ? "environment" : "user";
    await this.start();
  }

  async hasSeveral() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.filter((device) => device.kind === "videoinput").length > 1;
  }

  pause(paused) {
    if (this.paused === paused) return;
    this.paused = paused;
    this.inFlight = [];
    if (!this.running) return;
    if (paused) this.video.pause();
    else this.video.play().catch(() => {});
  }

  /** Forget what a connection that is gone would have answered. */
  reconnected() {
    this.inFlight = [];
  }

  async keepAwake() {
    this.wakeLock = await navigator.wakeLock?.request("screen").catch(() => undefined);
  }

  follow(stream) {
    const next = (callback) => {
      if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(callback);
      else requestAnimationFrame((now) => callback(now, {}));
    };
    const look = (now, { captureTime }) => {
      if (this.stream !== stream) return;
      const recent = captureTime <= now && now - captureTime < 1000;
      this.send(recent ? captureTime : performance.now());
      next(look);
    };
    next(look);
  }

  send(clock) {
    this.inFlight = this.inFlight.filter((sent) => clock - sent < GIVEN_UP);
    const { videoWidth: width, videoHeight: height } = this.video;
    const full = this.inFlight.length >= IN_FLIGHT || this.encoding || this.link.waiting > 0;
    if (this.paused || full || !width || !this.link.connected) return;
    const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
    this.scaled.width = Math.round(width * scale);
    this.scaled.height = Math.round(height * scale);
    this.scaled.getContext("2d").drawImage(this.video, 0, 0, this.scaled.width, this.scaled.height);
    this.encoding = true;
    this.inFlight.push(clock);
    this.scaled.toBlob(async (jpeg) => {
      try {
        const message = new Uint8Array(8 + jpeg.size);
        new DataView(message.buffer).setFloat64(0, clock);
        message.set(new Uint8Array(await jpeg.arrayBuffer()), 8);
        if (this.running) this.link.send(message.buffer);
      } finally {
        this.encoding = false;
      }
    }, "image/jpeg", QUALITY);
  }

  /** Draw what was found in one of the frames, and note how old that is now. */
  show(result, colours) {
    // Frames are answered in order; one without an answer was overtaken.
    this.inFlight = this.inFlight.filter((clock) => clock > result.clock);
    if (!this.running) return;
    drawResult(this.overlay, result, colours, this.mirrored);
    this.ages.push(performance.now() - result.clock);
    if (this.ages.length > RECENT) this.ages.shift();
  }

  /** Milliseconds from capture in this browser till the boxes are drawn. */
  age(percent) {
    const ordered = [...this.ages].sort((a, b) => a - b);
    return ordered[Math.min(Math.floor((ordered.length * percent) / 100), ordered.length - 1)];
  }
}

function drawResult(canvas, result, colours, mirrored) {
  const ratio = devicePixelRatio || 1;
  const { clientWidth, clientHeight } = canvas;
  canvas.width = Math.round(clientWidth * ratio);
  canvas.height = Math.round(clientHeight * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  for (const found of [...result.detections].reverse()) {
    const place = placeBox(found.box, clientWidth, clientHeight, result, mirrored);
    drawBox(context, place, found, colours[found.name] ?? "#888888", clientWidth);
  }
}

/** Left, top, width and height of a box where `object-fit: contain` lays the picture out. */
export function placeBox(box, clientWidth, clientHeight, { width, height }, mirrored) {
  const scale = Math.min(clientWidth / width, clientHeight / height);
  const left = (clientWidth - width * scale) / 2;
  const top = (clientHeight - height * scale) / 2;
  const [x1, y1, x2, y2] = box.map((value) => value * scale);
  return [mirrored ? clientWidth - left - x2 : left + x1, top + y1, x2 - x1, y2 - y1];
}

/** Black or white, whichever has the greater contrast on a colour (WCAG 2.2, 1.4.3). */
export function inkOn(colour) {
  const [red, green, blue] = [1, 3, 5]
    .map((start) => parseInt(colour.slice(start, start + 2), 16) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000000" : "#ffffff";
}

function drawBox(context, [x, y, width, height], found, colour, edge) {
  context.lineWidth = 2.5;
  context.strokeStyle = context.fillStyle = colour;
  context.strokeRect(x, y, width, height);
  const track = found.track == null ? "" : ` #${found.track}`;
  const text = `${found.kind ?? found.name}${track} ${Math.round(100 * (found.kind_score ?? found.score))}%`;
  context.font = "600 13px system-ui, sans-serif";
  context.textBaseline = "middle";
  const across = context.measureText(text).width + 12;
  const from = Math.max(0, Math.min(x - 1.25, edge - across));
  const above = y > 23 ? y - 22 : y;
  context.fillRect(from, above, across, 22);
  context.fillStyle = inkOn(colour);
  context.fillText(text, from + 6, above + 11.5);
}
