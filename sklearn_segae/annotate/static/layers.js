// The pixels of an image as layers: its picture, the segmentation over it, and strokes on top.

const DOUBT = [[0, 32, 77], [124, 123, 120], [255, 234, 70]]; // cividis, roughly: sure to unsure

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

export class Layers {
  colors = []; // by the number of the class; undefined if it is hidden
  doubts = Array.from({ length: 256 }, (_, i) => between(i / 255));
  opacity = 0.45;
  showsDoubt = false;
  showsStrokes = true;

  // Show an image: its RGB bytes and its strokes, one byte a pixel.
  open(width, height, picture, strokes) {
    Object.assign(this, { width, height, strokes, view: null, before: null, marked: null });
    this.photo = layer(width, height);
    this.setPicture(picture);
    this.over = layer(width, height);
    this.ink = layer(width, height);
    this.paintInk([0, 0, width, height]);
  }

  setPicture(picture) {
    const data = this.photo.createImageData(this.width, this.height);
    for (let i = 0, j = 0; i < picture.length; i += 3, j += 4) {
      data.data[j] = picture[i];
      data.data[j + 1] = picture[i + 1];
      data.data[j + 2] = picture[i + 2];
      data.data[j + 3] = 255;
    }
    this.photo.putImageData(data, 0, 0);
    this.draw();
  }

  setStrokes(strokes) {
    this.strokes = strokes;
    this.paintInk([0, 0, this.width, this.height]);
  }

  setClasses(classes) {
    this.colors = [];
    for (const { number, color, visible } of classes) if (visible) this.colors[number] = rgb(color);
    if (!this.over) return;
    this.paintOver();
    this.paintInk([0, 0, this.width, this.height]);
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
        const color = this.showsDoubt ? this.doubts[view.doubt[i]] : this.colors[view.labels[i]];
        if (!color) continue;
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
        const color = this.colors[this.strokes[start + x]];
        if (!color) continue;
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
  cut([left, top, right, bottom]) {
    const patch = new Uint8Array((right - left) * (bottom - top));
    for (let y = top; y < bottom; y += 1) {
      const row = this.strokes.subarray(y * this.width + left, y * this.width + right);
      patch.set(row, (y - top) * (right - left));
    }
    return patch;
  }

  // Draw all layers at the origin.
  drawLayers(context) {
    context.drawImage(this.photo.canvas, 0, 0);
    context.globalAlpha = this.opacity;
    context.drawImage(this.over.canvas, 0, 0);
    context.globalAlpha = 1;
    if (this.showsStrokes) context.drawImage(this.ink.canvas, 0, 0);
  }
}
