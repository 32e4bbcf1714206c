// The list of classes: which one is drawn, names, colors, visibility, deletion.

const KEYED = 9; // classes that have a key

const element = (tag, fields) => Object.assign(document.createElement(tag), fields);

export class ClassList {
  // `onChange` gets all classes after an edit, `onChoose` the number of the one to draw.
  constructor(list, onChange, onChoose) {
    this.list = list;
    this.onChange = onChange;
    this.onChoose = onChoose;
    this.classes = [];
    this.chosen = 1;
  }

  show(classes) {
    // Without this, an answer of the server would take the focus from a name that is being typed.
    if (JSON.stringify(classes) === JSON.stringify(this.classes) && this.list.children.length) return;
    this.classes = classes;
    this.list.replaceChildren(...classes.map((one, i) => this.row(one, i)));
    if (classes.length && !classes.some((one) => one.number === this.chosen)) this.choose(0);
  }

  // Choose the class in a row of the list.
  choose(i) {
    if (!this.classes[i]) return;
    this.chosen = this.classes[i].number;
    for (const [j, row] of [...this.list.children].entries()) {
      row.className = i === j ? "chosen" : "";
      row.querySelector("[type=radio]").checked = i === j;
    }
    this.onChoose(this.chosen);
  }

  add(palette) {
    const used = this.classes.map((one) => one.number);
    const number = palette.findIndex((_, i) => !used.includes(i + 1)) + 1;
    if (!number) return;
    const made = { number, name: `class ${number}`, color: palette[number - 1], visible: true };
    this.change([...this.classes, made]);
    this.choose(this.classes.length - 1);
  }

  change(classes) {
    this.show(classes);
    this.onChange(classes);
  }

  set(i, fields) {
    this.change(this.classes.with(i, { ...this.classes[i], ...fields }));
  }

  row(one, i) {
    const row = element("li", { className: one.number === this.chosen ? "chosen" : "" });
    row.append(this.radio(one, i), this.color(one, i), this.name(one, i));
    if (i < KEYED) row.append(element("kbd", { textContent: i + 1 }));
    row.append(this.eye(one, i), this.bin(i));
    describe(row, one.name);
    return row;
  }

  radio({ number }, i) {
    const fields = { type: "radio", name: "class", value: number, checked: number === this.chosen };
    const radio = element("input", fields);
    radio.addEventListener("change", () => this.choose(i));
    return radio;
  }

  color({ color }, i) {
    const input = element("input", { type: "color", value: color, title: "Color" });
    input.addEventListener("change", () => this.set(i, { color: input.value }));
    return input;
  }

  name({ number, name }, i) {
    const fields = { type: "text", value: name, maxLength: 40, ariaLabel: `Name of class ${number}` };
    const input = element("input", fields);
    input.addEventListener("change", () => {
      // The row already shows the name: drawn again, it would lose the focus, or a click.
      this.classes = this.classes.with(i, { ...this.classes[i], name: input.value });
      describe(input.closest("li"), input.value);
      this.onChange(this.classes);
    });
    return input;
  }

  eye({ visible }, i) {
    const fields = { type: "button", className: "icon", textContent: visible ? "◉" : "○" };
    const button = element("button", { ...fields, title: "Show", ariaPressed: String(visible) });
    button.addEventListener("click", () => this.set(i, { visible: !visible }));
    return button;
  }

  bin(i) {
    const fields = { type: "button", className: "icon", textContent: "×", title: "Delete" };
    const button = element("button", { ...fields, disabled: this.classes.length < 2 });
    button.addEventListener("click", () => this.change(this.classes.toSpliced(i, 1)));
    return button;
  }
}

// Name the controls of a row for those who do not see them.
function describe(row, name) {
  row.querySelector("[type=radio]").ariaLabel = `Draw ${name}`;
  row.querySelector("[type=color]").ariaLabel = `Color of ${name}`;
  for (const button of row.querySelectorAll("button")) button.ariaLabel = `${button.title} ${name}`;
}
