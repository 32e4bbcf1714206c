// The board: the layers of an image on a canvas; zooming, panning, and pointers for the tools. It sends
// nothing: `onStroke` gets every finished stroke, and `tell` what the user should know.

import { Layers } from "./layers.js";
import { join } from "./raster.js";
import { tools } from "./tools.js";

const AROUND = 4; // a marked region is shown with so many times its size around it
const MOST = 40; // canvas pixels that a pixel of the image is shown as at most

export class Board extends Layers {
  constructor(canvas, onStroke, tell) {
    super();
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.onStroke = onStroke;
    this.tell = tell;
    this.tools = tools(this);
    this.tool = this.tools.brush;
    this.locked = 0; // while strokes are on their way from the server
    this.chosen = 1;
    this.size = 9;
    this.pointers = new Map();
    this.listen();
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  open(image, width, height, picture, strokes) {
    this.image = image;
    super.open(width, height, picture, strokes);
    this.tools.polygon.reset();
    this.resize();
    this.fit();
  }

  // Tools change strokes between `begin` and `commit`, or `rollback`.
  begin() {
    this.before = this.strokes.slice();
    this.touched = null;
  }

  changed(box) {
    if (!box) return;
    this.touched = join(this.touched, box);
    this.paintInk(box);
  }

  commit() {
    const box = this.before && this.touched;
    this.before = null;
    if (box) this.onStroke({ image: this.image, box, patch: this.cut(box) });
  }

  rollback() {
    if (this.before) this.setStrokes(this.before);
    this.before = null;
  }

  holds([x, y]) {
    return x >= 0 && y >= 0 && x < this.width && y < this.height;
  }

  valueAt([x, y]) {
    return this.strokes[Math.floor(y) * this.width + Math.floor(x)];
  }

  // The distance of two places in the image, in pixels of the screen.
  distance([x0, y0], [x1, y1]) {
    return (Math.hypot(x1 - x0, y1 - y0) * this.zoom) / this.density;
  }

  take(name) {
    this.tool.cancel();
    this.tools.polygon.reset();
    this.tool = this.tools[name];
    this.draw();
  }

  resize() {
    const box = this.canvas.getBoundingClientRect();
    this.density = window.devicePixelRatio || 1;
    const size = [Math.round(box.width * this.density), Math.round(box.height * this.density)];
    if (this.canvas.width === size[0] && this.canvas.height === size[1]) return;
    [this.canvas.width, this.canvas.height] = size;
    if (this.width && !this.moved) this.fit();
    this.draw();
  }

  fit() {
    const room = [this.canvas.width / this.width, this.canvas.height / this.height];
    this.zoom = this.whole = Math.min(...room) * 0.97;
    this.x = (this.canvas.width - this.zoom * this.width) / 2;
    this.y = (this.canvas.height - this.zoom * this.height) / 2;
    this.moved = false;
    this.draw();
  }

  // Zoom about a point of the canvas; its middle, if none is given.
  zoomBy(factor, x = this.canvas.width / 2, y = this.canvas.height / 2) {
    if (!this.width) return;
    const zoom = Math.min(Math.max(this.zoom * factor, this.whole / 2), Math.max(MOST, this.whole));
    const scale = zoom / this.zoom;
    this.zoom = zoom;
    this.move(x - scale * (x - this.x) - this.x, y - scale * (y - this.y) - this.y);
  }

  // Outline a rectangle [left, top, right, bottom], and zoom to it.
  mark([left, top, right, bottom]) {
    this.marked = [left, top, right - left, bottom - top];
    const { width, height } = this.canvas;
    const zoom = Math.min(width / (right - left), height / (bottom - top)) / AROUND;
    this.zoomBy(Math.max(zoom, this.whole) / this.zoom);
    const middle = [(left + right) / 2, (top + bottom) / 2];
    this.move(width / 2 - this.x - this.zoom * middle[0], height / 2 - this.y - this.zoom * middle[1]);
  }

  move(dx, dy) {
    if (!this.width) return;
    // A part of the image stays in sight.
    const kept = 40 * this.density;
    const [right, bottom] = [this.zoom * this.width, this.zoom * this.height];
    this.x = Math.min(Math.max(this.x + dx, kept - right), this.canvas.width - kept);
    this.y = Math.min(Math.max(this.y + dy, kept - bottom), this.canvas.height - kept);
    this.moved = true;
    this.draw();
  }

  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.drawNow();
    });
  }

  drawNow() {
    if (!this.photo) return;
    const c = this.context;
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, this.canvas.width, this.canvas.height);
    c.setTransform(this.zoom, 0, 0, this.zoom, this.x, this.y);
    c.imageSmoothingEnabled = this.zoom < 2;
    this.drawLayers(c);
    if (this.marked) this.outline(() => c.rect(...this.marked));
    this.outline(() => this.tool.trace(c));
    if (this.hover && this.showsSize) {
      this.outline(() => c.arc(...this.hover, this.size / 2, 0, 2 * Math.PI));
    }
  }

  get showsSize() {
    return ["brush", "line", "eraser"].some((name) => this.tool === this.tools[name]);
  }

  // White within black, to be seen on everything.
  outline(trace) {
    const c = this.context;
    for (const [color, thick] of [["#000", 3], ["#fff", 1]]) {
      c.strokeStyle = color;
      c.lineWidth = (thick * this.density) / this.zoom;
      c.beginPath();
      trace();
      c.stroke();
    }
  }

  // The place of a pointer on the canvas, and in the image.
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const at = [(event.clientX - box.left) * this.density, (event.clientY - box.top) * this.density];
    return { at, pixel: [(at[0] - this.x) / this.zoom, (at[1] - this.y) / this.zoom] };
  }

  listen() {
    const on = (name, act) => this.canvas.addEventListener(name, (event) => this.photo && act(event));
    on("pointerdown", (event) => this.press(event));
    on("pointermove", (event) => this.drag(event));
    on("pointerup", (event) => this.release(event));
    on("pointercancel", (event) => this.release(event));
    on("pointerleave", () => { this.hover = null; this.draw(); });
    on("contextmenu", (event) => event.preventDefault());
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (this.photo) this.zoomBy(Math.exp(-event.deltaY / 400), ...this.place(event).at);
    }, { passive: false });
  }

  press(event) {
    const { at, pixel } = this.place(event);
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, at);
    const pans = this.tool === this.tools.hand || event.button !== 0;
    if (this.pointers.size === 2 && this.drawing) this.tool.cancel(); // two fingers move the image
    this.drawing = this.pointers.size === 1 && !pans && !this.locked;
    if (this.drawing) this.tool.press(pixel);
    this.draw();
  }

  drag(event) {
    const { at, pixel } = this.place(event);
    this.hover = event.pointerType === "touch" ? null : pixel;
    this.tool.hover?.(this.hover);
    const from = this.pointers.get(event.pointerId);
    if (from && this.drawing) {
      const parts = event.getCoalescedEvents?.() ?? [];
      for (const part of parts.length ? parts : [event]) this.tool.drag(this.place(part).pixel);
    } else if (from && this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, p]) => p);
      const spread = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
      this.move((at[0] - from[0]) / 2, (at[1] - from[1]) / 2);
      this.zoomBy(spread(at) / spread(from), (at[0] + other[0]) / 2, (at[1] + other[1]) / 2);
    } else if (from) {
      this.move(at[0] - from[0], at[1] - from[1]);
    }
    if (from) this.pointers.set(event.pointerId, at);
    this.draw();
  }

  release(event) {
    this.pointers.delete(event.pointerId);
    if (!this.drawing) return;
    this.drawing = false;
    this.tool.release();
    this.draw();
  }
}
