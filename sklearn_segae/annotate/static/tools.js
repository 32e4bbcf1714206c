// The tools: what pointers do to the strokes of a board. Places are in pixels of the image.

import { fill, polygon, segment } from "./raster.js";

const CLOSE = 9; // pixels of the screen: a click so near to a corner is one on it
const MOST_FILLED = 0.5; // share of the image; a larger region is one whose outline has a gap

class Tool {
  constructor(board) {
    this.board = board;
  }
  press() {}
  drag() {}
  release() {}
  cancel() {} // another finger has come, or another tool
  trace() {} // add what is not drawn yet to a path
  get value() {
    return this.board.chosen;
  }
}

class Brush extends Tool {
  press(place) {
    this.board.begin();
    this.last = place;
    this.drag(place);
  }
  drag(place) {
    const { board } = this;
    board.changed(segment(board, this.last, place, board.size, this.value));
    this.last = place;
  }
  release() {
    this.board.commit();
  }
  cancel() {
    this.board.rollback();
  }
}

class Eraser extends Brush {
  get value() {
    return 0;
  }
}

class Line extends Tool {
  press(place) {
    this.ends = [place, place];
  }
  drag(place) {
    if (this.ends) this.ends[1] = place;
  }
  release() {
    if (!this.ends) return;
    const { board, ends } = this;
    this.ends = null;
    board.begin();
    board.changed(segment(board, ...ends, board.size, this.value));
    board.commit();
  }
  cancel() {
    this.ends = null;
  }
  trace(context) {
    if (!this.ends) return;
    context.moveTo(...this.ends[0]);
    context.lineTo(...this.ends[1]);
  }
}

// Corners are set by clicks. A click on the first or the last one closes the polygon.
class Polygon extends Tool {
  corners = [];
  press(place) {
    this.tip = null;
    const { corners } = this;
    const isAt = (corner) => corner && this.board.distance(corner, place) < CLOSE;
    this.added = !isAt(corners[0]) && !isAt(corners.at(-1));
    if (this.added) corners.push(place);
    else this.finish();
  }
  hover(place) {
    this.tip = place;
  }
  finish() {
    const { board, corners } = this;
    if (corners.length < 3) return;
    this.reset();
    board.begin();
    board.changed(polygon(board, corners, this.value));
    board.commit();
  }
  removeLast() {
    this.corners.pop();
  }
  cancel() {
    if (this.added) this.removeLast();
    this.added = false;
  }
  reset() {
    this.corners = [];
    this.tip = null;
  }
  trace(context) {
    const { board, corners, tip } = this;
    [...corners, ...(corners.length && tip ? [tip] : [])].forEach((p) => context.lineTo(...p));
    for (const [x, y] of corners) {
      const radius = (4 * board.density) / board.zoom;
      context.moveTo(x + radius, y);
      context.arc(x, y, radius, 0, 2 * Math.PI);
    }
  }
}

class Fill extends Tool {
  press(place) {
    const { board } = this;
    if (!board.holds(place)) return;
    board.begin();
    const old = board.valueAt(place);
    const box = fill(board, place, this.value, MOST_FILLED * board.width * board.height);
    board.changed(box);
    board.commit();
    if (!box && old !== this.value) board.tell("Not filled: the region is more than half of the image. Close its outline first");
  }
}

export const tools = (board) => ({
  brush: new Brush(board), line: new Line(board), polygon: new Polygon(board),
  fill: new Fill(board), eraser: new Eraser(board), hand: new Tool(board),
});
