// The page: puts what the server tells into the right places, and what the viewer does into messages.

import { Camera, obstacle } from "./camera.js";
import { Link } from "./link.js";
import { ClassFilter, FoundList, updateCounts } from "./panels.js";
import { Picture } from "./picture.js";

const ECHO = 500; // ms in which the slider is the viewer's and not the server's
const CONTROLS = ["pause", "threshold", "less", "more", "size"]; // without use where no frame is looked at any more
const STEP = 0.05; // of the keys and of the buttons beside the slider

history.replaceState(null, "", location.pathname); // the token is in a cookie now; in the address others could read it

const $ = (id) => document.getElementById(id);

let hello = { classes: {}, camera: false, least_threshold: 0.05, greatest_threshold: 0.95 };
let state = null;
let complaint = null; // about the camera, until it runs
let touched = -Infinity;
let sized = -Infinity; // the same of the input size
let starting = false; // while the viewer is asked for permission

const link = new Link({ text: receive, picture: (data) => picture.show(data), lost: onLost });
const picture = new Picture($("picture"), () => link.send({ picture: true }), onPicture);
const camera = new Camera($("video"), $("overlay"), link, stopCamera);
const found = new FoundList($("found"), $("found-total"), $("found-none"), choose);
const filter = new ClassFilter(
  { chips: $("chips"), search: $("search"), summary: $("filter-summary"), all: $("filter-all"), none: $("chips-none") },
  choose,
);

function receive(message) {
  if (message.hello) onHello(message.hello);
  if (message.state) onState(message.state);
  if (message.result) {
    camera.show(message.result, hello.classes);
    fitStage(message.result.width, message.result.height);
  }
  if (message.camera) onCameraAnswer(message.camera);
}

function onHello(told) {
  hello = told;
  $("source").textContent = told.source;
  document.title = `${told.source} - ssdlite`;
  $("threshold").min = told.least_threshold;
  $("threshold").max = told.greatest_threshold;
  filter.build(told.classes);
  $("size").replaceChildren(...told.input_sizes.map((size) => new Option(sizeName(size), size)));
  $("size-row").hidden = told.input_sizes.length === 0;
  $("camera").hidden = !told.camera;
  setLost(null);
  camera.reconnected();
  if (camera.running) link.send({ camera: true });
  picture.restart();
}

function onState(told) {
  state = told;
  const { settings, live, stats } = told;
  found.update(live?.detections ?? [], hello.classes, !told.ended);
  filter.update(told.classes, settings.classes);
  updateCounts($("counts-section"), $("counts"), live?.counts ?? []);
  if (performance.now() - touched > ECHO) showThreshold(settings.threshold);
  showSize(settings.input_size, live?.input_size, told.remark);
  camera.pause(settings.paused);
  for (const id of CONTROLS) $(id).disabled = told.ended;
  filter.enable(!told.ended);
  describePicture(told);
  $("pause").classList.toggle("on", settings.paused);
  $("pause").lastElementChild.textContent = settings.paused ? "Go on" : "Pause";
  $("badge").hidden = !settings.paused || told.ended;
  $("stage").classList.toggle("paused", settings.paused);
  showCollecting(told);
  showFigures(stats);
  showCamera();
  showStatus();
}

/** Frames that are wrong can be kept: what became of the last one. */
function showCollecting({ collecting, marked, live }) {
  $("wrong").hidden = $("wrong-key").hidden = !collecting;
  $("wrong").disabled = !live;
  const said = marked ? `This frame is ${marked}.` : "";
  if ($("marked").textContent !== said) $("marked").textContent = said;
}

function callWrong() {
  if (!$("wrong").hidden && !$("wrong").disabled) link.send({ wrong: true });
}

function showFigures(stats) {
  const own = camera.running && camera.ages.length > 0; // one clock from capture to the drawn boxes
  $("fps").textContent = stats ? (stats.fps ?? 0).toFixed(1) : "–";
  $("age-p50").textContent = own ? camera.age(50).toFixed(0) : (stats?.age_p50_ms?.toFixed(0) ?? "–");
  $("age-p95").textContent = own ? camera.age(95).toFixed(0) : (stats?.age_p95_ms?.toFixed(0) ?? "–");
  const aged = own || (stats?.age_p50_ms ?? null) !== null; // the frames of a file have no age
  for (const figure of document.querySelectorAll(".age")) figure.hidden = !aged;
}

/** What a screen reader says of the picture. */
function describePicture({ classes, ended }) {
  const counts = Object.entries(classes).map(([name, count]) => `${count} ${name}`);
  const text = `${ended ? "Last picture" : "Live picture"}: ${counts.join(", ") || "nothing over the threshold"}`;
  if ($("picture").getAttribute("aria-label") !== text) $("picture").setAttribute("aria-label", text);
}

function showStatus() {
  const lost = $("stage").classList.contains("lost");
  const kind = lost ? "lost"
    : !state ? "connecting"
    : state.ended ? "ended"
    : state.settings.paused ? "paused"
    : state.notice ? "waiting" : "live";
  $("status").className = `status ${kind}`;
  const text = `${kind[0].toUpperCase()}${kind.slice(1)}`;
  if ($("status-text").textContent !== text) $("status-text").textContent = text;
  if (!lost) setBanner(complaint ?? (camera.running ? null : state?.notice));
}

function setBanner(text) {
  if ($("banner").textContent !== (text ?? "")) $("banner").textContent = text ?? "";
}

function setLost(text) {
  $("stage").classList.toggle("lost", text !== null);
  if (text !== null) setBanner(text);
  showStatus();
}

function onLost(text) {
  setLost(text);
  for (const id of [...CONTROLS, "wrong"]) $(id).disabled = true;
  filter.enable(false);
  offerSnapshot(false);
}

/** A link without an address can be neither pressed nor reached. */
function offerSnapshot(offered) {
  if (offered) $("snapshot").href = "snapshot.jpg";
  else $("snapshot").removeAttribute("href");
  $("snapshot").setAttribute("aria-disabled", String(!offered));
}

function onPicture(width, height) {
  $("empty").hidden = true;
  offerSnapshot(true);
  if (!camera.running) fitStage(width, height);
}

function fitStage(width, height) {
  document.documentElement.style.setProperty("--ratio", `${width} / ${height}`);
  $("stage").classList.toggle("wide", width > 1.2 * height);
}

// Settings

function choose(classes) {
  link.send({ classes });
}

function showThreshold(value) {
  $("threshold").value = value;
  $("threshold").setAttribute("aria-valuetext", `${Math.round(100 * value)} percent`);
  $("threshold-value").textContent = `${Math.round(100 * value)} %`;
}

function setThreshold(value) {
  const threshold = Math.min(Math.max(value, hello.least_threshold), hello.greatest_threshold);
  if ($("threshold").disabled) return;
  touched = performance.now();
  showThreshold(threshold);
  link.send({ threshold });
}

function stepThreshold(by) {
  setThreshold(Math.round((Number($("threshold").value) + by) * 100) / 100);
}

function sizeName(size) {
  return size.replaceAll(",", " + ");
}

/** The size that is set, and beside "auto" the one that it has come to. */
function showSize(size, used, remark) {
  if (performance.now() - sized > ECHO) $("size").value = size ?? "";
  const auto = [...$("size").options].find((option) => option.value === "auto");
  const name = size === "auto" && used ? `auto: ${sizeName(used)}` : "auto";
  if (auto && auto.text !== name) auto.text = name;
  const said = remark ? `Input size ${remark}.` : "";
  if ($("size-remark").textContent !== said) $("size-remark").textContent = said;
}

function togglePause() {
  if (!$("pause").disabled) link.send({ paused: !state.settings.paused });
}

$("threshold").addEventListener("input", (event) => setThreshold(Number(event.target.value)));
$("size").addEventListener("change", (event) => {
  sized = performance.now();
  link.send({ input_size: event.target.value });
});
$("less").addEventListener("click", () => stepThreshold(-STEP));
$("more").addEventListener("click", () => stepThreshold(STEP));
$("pause").addEventListener("click", togglePause);
$("wrong").addEventListener("click", callWrong);
$("snapshot").addEventListener("click", () => {
  $("stage").classList.remove("flash");
  void $("stage").offsetWidth; // so that the animation starts again
  $("stage").classList.add("flash");
});

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || !link.connected) return;
  if (event.target.closest("input:not([type=range]), select")) return;
  const act = {
    " ": event.target.closest("button, a") ? null : togglePause, // there it presses the button
    s: () => $("snapshot").hasAttribute("href") && $("snapshot").click(),
    w: callWrong,
    "+": () => stepThreshold(STEP),
    "=": () => stepThreshold(STEP),
    "-": () => stepThreshold(-STEP),
  }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

// Camera

function showCamera() {
  const elsewhere = state.camera_taken && !camera.running;
  $("camera").disabled = elsewhere;
  $("camera").classList.toggle("on", camera.running);
  $("camera").classList.toggle("primary", !camera.running && !elsewhere);
  $("camera").lastElementChild.textContent = camera.running
    ? "Stop camera"
    : elsewhere ? "Camera in use" : "Start camera";
  $("camera").title = elsewhere ? "Another browser is the camera" : "";
}

function onCameraAnswer({ granted }) {
  if (!granted) stopCamera("Another browser is the camera; stop it there first.");
  else if (!camera.running) startCamera(() => camera.start());
}

async function startCamera(start) {
  if (starting) return;
  starting = true;
  complaint = null;
  try {
    await start();
  } catch (error) {
    stopCamera(error.message);
    return;
  } finally {
    starting = false;
  }
  picture.want(false);
  $("video").hidden = $("overlay").hidden = false;
  $("picture").hidden = $("empty").hidden = true;
  offerSnapshot(true);
  $("switch").hidden = !(await camera.hasSeveral());
  showCamera();
  showStatus();
}

function stopCamera(reason = null) {
  camera.stop();
  complaint = reason;
  link.send({ camera: false });
  $("video").hidden = $("overlay").hidden = $("switch").hidden = true;
  $("picture").hidden = false;
  picture.want(true);
  if (state) showCamera();
  showStatus();
}

$("camera").addEventListener("click", () => {
  if (camera.running) return stopCamera();
  complaint = obstacle();
  if (complaint) return showStatus();
  link.send({ camera: true });
});
$("switch").addEventListener("click", () => startCamera(() => camera.turn()));
