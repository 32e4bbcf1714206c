// Which image is shown: a list, a slider, and thumbnails that say whether an image has strokes.

export class ImageList {
  constructor({ nav, list, slider, previous, next, thumbnails }, images, onOpen) {
    Object.assign(this, { list, slider, previous, next, thumbnails, images });
    nav.hidden = thumbnails.hidden = images.length < 2;
    list.replaceChildren(...images.map(({ name }, i) => new Option(name, i)));
    slider.max = images.length - 1;
    thumbnails.replaceChildren(...images.map(({ name }, i) => thumbnail(name, i, onOpen)));
    list.addEventListener("change", () => onOpen(Number(list.value)));
    slider.addEventListener("change", () => onOpen(Number(slider.value)));
  }

  select(image) {
    this.list.value = this.slider.value = image;
    this.slider.setAttribute("aria-valuetext", this.images[image].name);
    this.previous.disabled = image === 0;
    this.next.disabled = image === this.images.length - 1;
    for (const [i, { firstChild: button }] of [...this.thumbnails.children].entries()) {
      button.setAttribute("aria-current", String(i === image));
      if (i === image) button.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }

  // Show the number of strokes on every image.
  mark(counts) {
    for (const [i, { firstChild: button }] of [...this.thumbnails.children].entries()) {
      const text = counts[i] ? `${counts[i]} stroke${counts[i] > 1 ? "s" : ""}` : "unlabeled";
      button.lastChild.textContent = text;
      button.className = counts[i] ? "labeled" : "";
      button.setAttribute("aria-label", `${this.images[i].name}: ${text}`);
    }
  }
}

function thumbnail(name, i, onOpen) {
  const [item, button] = [document.createElement("li"), document.createElement("button")];
  Object.assign(button, { type: "button", title: name });
  const picture = Object.assign(new Image(), { alt: "", loading: "lazy", src: `thumbnail?image=${i}` });
  button.append(picture, document.createElement("span"));
  button.addEventListener("click", () => onOpen(i));
  item.append(button);
  return item;
}
