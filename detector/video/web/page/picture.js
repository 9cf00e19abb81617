// The live picture: asks for the next one when it can show it, so a slow viewer skips instead of lagging.

const AHEAD = 2; // pictures on their way

export class Picture {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {function()} ask asks the server for the next picture
   * @param {function(number, number)} shown is told the size of each picture
   */
  constructor(canvas, ask, shown) {
    this.canvas = canvas;
    this.ask = ask;
    this.shown = shown;
    this.asked = 0;
    this.wanted = true;
    document.addEventListener("visibilitychange", () => this.askOn());
  }

  /** Begin anew with a server that knows nothing of what was asked. */
  restart() {
    this.asked = 0;
    this.askOn();
  }

  /** Whether pictures are wanted at all. */
  want(wanted) {
    this.wanted = wanted;
    this.askOn();
  }

  askOn() {
    while (this.wanted && !document.hidden && this.asked < AHEAD) {
      this.asked += 1;
      this.ask();
    }
  }

  async show(data) {
    try {
      const image = await createImageBitmap(new Blob([data], { type: "image/jpeg" }));
      const { canvas } = this;
      if (canvas.width !== image.width || canvas.height !== image.height) {
        canvas.width = image.width;
        canvas.height = image.height;
      }
      canvas.getContext("2d").drawImage(image, 0, 0);
      image.close();
      this.shown(canvas.width, canvas.height);
    } finally {
      this.asked = Math.max(0, this.asked - 1);
      this.askOn();
    }
  }
}
