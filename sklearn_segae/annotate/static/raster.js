// Shapes drawn into strokes: an array of one byte per pixel, in rows. Every function returns the
// rectangle [left, top, right, bottom] of the pixels that it may have changed, or null.

export function join(a, b) {
  if (!a || !b) return a || b;
  return [
    Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3]),
  ];
}

function disc({ strokes, width, height }, x, y, radius, value) {
  const box = [
    Math.max(0, Math.floor(x - radius)), Math.max(0, Math.floor(y - radius)),
    Math.min(width, Math.ceil(x + radius)), Math.min(height, Math.ceil(y + radius)),
  ];
  for (let v = box[1]; v < box[3]; v += 1) {
    for (let u = box[0]; u < box[2]; u += 1) {
      if (Math.hypot(u + 0.5 - x, v + 0.5 - y) <= radius) strokes[v * width + u] = value;
    }
  }
  return box[0] < box[2] && box[1] < box[3] ? box : null;
}

// Discs along a line. The pixel under the pointer is always drawn, however thin the brush.
export function segment(image, [x0, y0], [x1, y1], size, value) {
  const radius = Math.max(size / 2, 0.71);
  const n = Math.max(1, Math.ceil(Math.hypot(x1 - x0, y1 - y0) / Math.max(radius / 2, 0.5)));
  let box = null;
  for (let i = 0; i <= n; i += 1) {
    box = join(box, disc(image, x0 + ((x1 - x0) * i) / n, y0 + ((y1 - y0) * i) / n, radius, value));
  }
  return box;
}

// Pixels whose centers are inside a polygon, by the even-odd rule.
export function polygon({ strokes, width, height }, points, value) {
  const rows = points.map((p) => p[1]);
  const top = Math.max(0, Math.floor(Math.min(...rows)));
  const bottom = Math.min(height, Math.ceil(Math.max(...rows)));
  let box = null;
  for (let row = top; row < bottom; row += 1) {
    const crossings = crossingsAt(points, row + 0.5);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const from = Math.max(0, Math.ceil(crossings[i] - 0.5));
      const to = Math.min(width, Math.ceil(crossings[i + 1] - 0.5));
      if (from >= to) continue;
      strokes.fill(value, row * width + from, row * width + to);
      box = join(box, [from, row, to, row + 1]);
    }
  }
  return box;
}

function crossingsAt(points, y) {
  const found = [];
  points.forEach(([x0, y0], i) => {
    const [x1, y1] = points[(i + 1) % points.length];
    if (y0 <= y !== y1 <= y) found.push(x0 + ((y - y0) / (y1 - y0)) * (x1 - x0));
  });
  return found.sort((a, b) => a - b);
}

// The connected pixels (4 neighbors) with the value of the first one. Returns null, and changes
// nothing, if there are more than `most`.
export function fill({ strokes, width, height }, [x, y], value, most) {
  const first = Math.floor(y) * width + Math.floor(x);
  const old = strokes[first];
  if (old === value) return null;
  const found = [first];
  strokes[first] = value;
  let box = null;
  const visit = (pixel, inside) => {
    if (!inside || strokes[pixel] !== old) return;
    strokes[pixel] = value;
    found.push(pixel);
  };
  for (let i = 0; i < found.length && found.length <= most; i += 1) {
    const [u, v] = [found[i] % width, Math.floor(found[i] / width)];
    box = box || [u, v, u + 1, v + 1];
    box[0] = Math.min(box[0], u);
    box[1] = Math.min(box[1], v);
    box[2] = Math.max(box[2], u + 1);
    box[3] = Math.max(box[3], v + 1);
    visit(found[i] - 1, u > 0);
    visit(found[i] + 1, u + 1 < width);
    visit(found[i] - width, v > 0);
    visit(found[i] + width, v + 1 < height);
  }
  if (found.length <= most) return box;
  for (const pixel of found) strokes[pixel] = old;
  return null;
}
