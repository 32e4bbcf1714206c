// Brightness and contrast: which values of an image are shown in black and in white, and gamma.
// They change what is seen, and nothing else.

import { bytes, json } from "./server.js";

const STEPS = 1000; // of the sliders

export class Contrast {
  constructor({ low, high, gamma, told }, onPicture, onError) {
    Object.assign(this, { low, high, gamma, told, onPicture, onError });
    this.chosen = new Map(); // by image: its range of values, and the values chosen
    for (const slider of [low, high, gamma]) slider.addEventListener("input", () => this.slide(slider));
  }

  // Return the picture of an image as it is to be shown, and set the sliders.
  async open(image) {
    this.image = image;
    const [picture, range] = await Promise.all([bytes(this.path(image)), json(`values?image=${image}`)]);
    this.range = range;
    this.place();
    return picture;
  }

  path(image) {
    const own = this.chosen.get(image);
    const query = own ? `&low=${own.low}&high=${own.high}&gamma=${own.gamma}` : "";
    return `picture?image=${image}${query}`;
  }

  get values() {
    const { shown_low: low, shown_high: high } = this.range;
    return this.chosen.get(this.image) ?? { low, high, gamma: 1 };
  }

  slide(moved) {
    if (!this.range) return;
    // The darkest value stays below the brightest.
    const [low, high] = [Number(this.low.value), Number(this.high.value)];
    if (low >= high) {
      if (moved === this.low) this.low.value = high - 1;
      else this.high.value = low + 1;
    }
    const at = (slider) => this.range.low + (slider.value / STEPS) * (this.range.high - this.range.low);
    this.set({ low: at(this.low), high: at(this.high), gamma: 10 ** this.gamma.value });
  }

  auto() {
    this.set({ low: this.range.auto_low, high: this.range.auto_high, gamma: this.values.gamma });
  }

  reset() {
    this.set(null);
  }

  set(values) {
    if (values) this.chosen.set(this.image, values);
    else this.chosen.delete(this.image);
    this.place();
    this.render().catch(this.onError);
  }

  // Ask for the picture; while one is on its way, only the last change counts.
  async render() {
    this.outdated = true;
    if (this.rendering) return;
    this.rendering = true;
    try {
      while (this.outdated) {
        this.outdated = false;
        const { image } = this;
        const picture = await bytes(this.path(image));
        if (image === this.image) this.onPicture(picture);
      }
    } finally {
      this.rendering = false;
    }
  }

  place() {
    const { low, high, gamma } = this.values;
    const width = this.range.high - this.range.low || 1;
    this.low.value = Math.round(((low - this.range.low) / width) * STEPS);
    this.high.value = Math.round(((high - this.range.low) / width) * STEPS);
    this.gamma.value = Math.log10(gamma);
    const text = (value) => (width > 20 ? Math.round(value) : value.toPrecision(3));
    this.told.low.textContent = text(low);
    this.told.high.textContent = text(high);
    this.told.gamma.textContent = gamma.toFixed(2);
  }
}
