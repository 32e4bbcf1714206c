// The board: a picture, the segmentation over it, and strokes on top; drawing, zooming, panning.
// It knows nothing of the server: whoever makes it is told of every finished stroke.

const DOUBT = [[0, 32, 77], [124, 123, 120], [255, 234, 70]]; // cividis, roughly: sure to unsure
const AROUND = 4; // a marked region is shown with so many times its size around it
const MOST = 40; // canvas pixels that a pixel of the image is shown as at most

function layer(width, height) {
  const canvas = new OffscreenCanvas(width, height);
  return canvas.getContext("2d", { willReadFrequently: true });
}

function rgb(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

function between(share) {
  const [from, to] = share < 0.5 ? [DOUBT[0], DOUBT[1]] : [DOUBT[1], DOUBT[2]];
  const rest = (share % 0.5) * 2 || (share >= 1 ? 1 : 0);
  return from.map((c, i) => Math.round(c + rest * (to[i] - c)));
}

export class Board {
  constructor(canvas, palette, onStroke) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.palette = palette.map(rgb);
    this.doubts = Array.from({ length: 256 }, (_, i) => between(i / 255));
    this.onStroke = onStroke;
    this.tool = "brush";
    this.chosen = 1;
    this.size = 9;
    this.opacity = 0.45;
    this.showsDoubt = false;
    this.showsStrokes = true;
    this.pointers = new Map();
    this.listen();
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  // Show an image: its RGB bytes and its strokes, one byte a pixel.
  open(width, height, picture, strokes) {
    Object.assign(this, { width, height, strokes, view: null, before: null, marked: null });
    this.photo = layer(width, height);
    const data = this.photo.createImageData(width, height);
    for (let i = 0, j = 0; i < picture.length; i += 3, j += 4) {
      data.data[j] = picture[i];
      data.data[j + 1] = picture[i + 1];
      data.data[j + 2] = picture[i + 2];
      data.data[j + 3] = 255;
    }
    this.photo.putImageData(data, 0, 0);
    this.over = layer(width, height);
    this.ink = layer(width, height);
    this.paintInk([0, 0, width, height]);
    this.resize();
    this.fit();
  }

  // Show labels and doubt of every step-th pixel, or nothing.
  show(view) {
    this.view = view;
    this.paintOver();
  }

  paintOver() {
    if (!this.over) return;
    const { width, height, view } = this;
    this.over.clearRect(0, 0, width, height);
    if (view) {
      const across = Math.ceil(width / view.step);
      const down = Math.ceil(height / view.step);
      const data = new ImageData(across, down);
      for (let i = 0, j = 0; i < across * down; i += 1, j += 4) {
        const color = this.showsDoubt
          ? this.doubts[view.doubt[i]] : this.palette[view.labels[i] - 1];
        data.data[j] = color[0];
        data.data[j + 1] = color[1];
        data.data[j + 2] = color[2];
        data.data[j + 3] = 255;
      }
      const small = layer(across, down);
      small.putImageData(data, 0, 0);
      this.over.imageSmoothingEnabled = false;
      this.over.drawImage(small.canvas, 0, 0, across * view.step, down * view.step);
    }
    this.draw();
  }

  paintInk([left, top, right, bottom]) {
    const [width, height] = [right - left, bottom - top];
    if (width <= 0 || height <= 0) return;
    const data = new ImageData(width, height);
    for (let y = 0, j = 0; y < height; y += 1) {
      const start = (top + y) * this.width + left;
      for (let x = 0; x < width; x += 1, j += 4) {
        const value = this.strokes[start + x];
        if (!value) continue;
        const color = this.palette[value - 1];
        data.data[j] = color[0];
        data.data[j + 1] = color[1];
        data.data[j + 2] = color[2];
        data.data[j + 3] = 255;
      }
    }
    this.ink.putImageData(data, left, top);
    this.draw();
  }

  // Pixels of a rectangle [left, top, right, bottom] of strokes.
  cut(strokes, [left, top, right, bottom]) {
    const patch = new Uint8Array((right - left) * (bottom - top));
    for (let y = top; y < bottom; y += 1) {
      const row = strokes.subarray(y * this.width + left, y * this.width + right);
      patch.set(row, (y - top) * (right - left));
    }
    return patch;
  }

  paste(patch, [left, top, right, bottom]) {
    for (let y = top; y < bottom; y += 1) {
      const start = (y - top) * (right - left);
      this.strokes.set(patch.subarray(start, start + right - left), y * this.width + left);
    }
    this.paintInk([left, top, right, bottom]);
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
    c.drawImage(this.photo.canvas, 0, 0);
    c.globalAlpha = this.opacity;
    c.drawImage(this.over.canvas, 0, 0);
    c.globalAlpha = 1;
    if (this.showsStrokes) c.drawImage(this.ink.canvas, 0, 0);
    if (this.marked) this.outline(() => c.rect(...this.marked));
    if (this.hover && this.tool !== "hand") {
      this.outline(() => c.arc(...this.hover, this.size / 2, 0, 2 * Math.PI));
    }
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
    const pans = this.tool === "hand" || event.button !== 0;
    if (this.pointers.size === 2) this.takeBack(); // the first finger was not meant to draw
    if (this.pointers.size > 1 || pans) return;
    this.before = this.strokes.slice();
    this.touched = [this.width, this.height, 0, 0];
    this.last = pixel;
    this.line(pixel, pixel);
  }

  drag(event) {
    const { at, pixel } = this.place(event);
    this.hover = event.pointerType === "touch" ? null : pixel;
    const from = this.pointers.get(event.pointerId);
    if (this.before && from) {
      for (const part of event.getCoalescedEvents?.() ?? [event]) {
        const next = this.place(part).pixel;
        this.line(this.last, next);
        this.last = next;
      }
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
    if (!this.before) return;
    const [before, box] = [this.before, this.touched];
    this.before = null;
    if (box[0] >= box[2] || box[1] >= box[3]) return; // beside the image
    this.onStroke({ box, before: this.cut(before, box), after: this.cut(this.strokes, box) });
  }

  takeBack() {
    if (!this.before) return;
    this.strokes.set(this.before);
    this.before = null;
    this.paintInk([0, 0, this.width, this.height]);
  }

  // Discs along a line, in pixels of the image.
  line([x0, y0], [x1, y1]) {
    const radius = this.size / 2;
    const n = Math.max(1, Math.ceil(Math.hypot(x1 - x0, y1 - y0) / Math.max(radius / 2, 0.5)));
    const box = [this.width, this.height, 0, 0];
    for (let i = 0; i <= n; i += 1) {
      this.disc(x0 + ((x1 - x0) * i) / n, y0 + ((y1 - y0) * i) / n, radius, box);
    }
    if (box[0] < box[2] && box[1] < box[3]) {
      const [a, b] = [this.touched, box];
      this.touched = [
        Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3]),
      ];
      this.paintInk(box);
    }
  }

  disc(x, y, radius, box) {
    const value = this.tool === "eraser" ? 0 : this.chosen;
    const [top, bottom] = [Math.max(0, Math.floor(y - radius)), Math.min(this.height, Math.ceil(y + radius))];
    const [left, right] = [Math.max(0, Math.floor(x - radius)), Math.min(this.width, Math.ceil(x + radius))];
    for (let v = top; v < bottom; v += 1) {
      for (let u = left; u < right; u += 1) {
        // The pixel under the pointer always counts, however thin the brush.
        const inside = Math.hypot(u + 0.5 - x, v + 0.5 - y) <= Math.max(radius, 0.71);
        if (!inside) continue;
        this.strokes[v * this.width + u] = value;
        box[0] = Math.min(box[0], u);
        box[1] = Math.min(box[1], v);
        box[2] = Math.max(box[2], u + 1);
        box[3] = Math.max(box[3], v + 1);
      }
    }
  }
}
