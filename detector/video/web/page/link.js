// The connection to the server: opened again by itself, a little later each time.

const SHORTEST_WAIT = 500;
const LONGEST_WAIT = 5000;
const SILENCE = 7000; // ms; the server says something every two seconds

export class Link {
  /**
   * @param {{text: function(object), picture: function(ArrayBuffer), lost: function(string)}} on
   */
  constructor(on) {
    this.on = on;
    this.wait = SHORTEST_WAIT;
    this.heard = 0;
    setInterval(() => this.check(), 1000);
    document.addEventListener("visibilitychange", () => document.hidden || this.retryNow());
    addEventListener("online", () => this.retryNow());
    this.open();
  }

  get connected() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** Bytes that have not left yet. */
  get waiting() {
    return this.socket?.bufferedAmount ?? 0;
  }

  open() {
    clearTimeout(this.timer);
    this.timer = undefined;
    const address = new URL("socket", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    address.search = "";
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.heard = performance.now();
    socket.onmessage = ({ data }) => {
      this.heard = performance.now();
      this.wait = SHORTEST_WAIT;
      if (typeof data === "string") this.on.text(JSON.parse(data));
      else this.on.picture(data);
    };
    socket.onclose = () => this.socket === socket && this.lose();
  }

  async lose() {
    this.socket = undefined;
    this.timer = setTimeout(() => this.open(), this.wait * (0.8 + 0.4 * Math.random()));
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
    this.on.lost("The connection to ssdlite is lost; trying again.");
    const answer = await fetch("state.json").catch(() => null);
    if (answer?.status === 403 && !this.connected) {
      this.on.lost("ssdlite was started anew: open the address that it has printed.");
    }
  }

  retryNow() {
    if (this.timer !== undefined) {
      this.wait = SHORTEST_WAIT;
      this.open();
    }
  }

  check() {
    if (this.socket && performance.now() - this.heard > SILENCE) {
      this.socket.close();
      this.lose();
    }
  }

  /** Send an object, or bytes; nothing happens while there is no connection. */
  send(message) {
    if (this.connected) this.socket.send(message instanceof ArrayBuffer ? message : JSON.stringify(message));
  }
}
