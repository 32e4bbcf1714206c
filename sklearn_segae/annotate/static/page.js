// The page: buttons, keys and the talk with the server. The token is in the address, before all of
// the names below, so that nothing has to carry it.

import { Board } from "./canvas.js";

const $ = (id) => document.getElementById(id);
const COARSE = 3; // of a large image, every third pixel is shown first, along both axes
const LARGE = 250_000; // pixels
const KEYED = 9; // classes that have a key

let state = null;
let board = null;
let current = 0;
let version = 0;
let wanted = 0; // counts the views that were asked for; only the latest is shown
let rank = 0; // regions that were suggested since the last stroke
let sending = Promise.resolve(); // strokes reach the server in their order
let done = [];
let undone = [];

async function ask(path, options = {}) {
  const answer = await fetch(path, options);
  if (!answer.ok) {
    const { error } = await answer.json().catch(() => ({ error: answer.statusText }));
    throw new Error(error);
  }
  return answer;
}

const bytes = async (path) => new Uint8Array(await (await ask(path)).arrayBuffer());

function tell(message, kind = "") {
  $("message").textContent = message;
  document.body.className = kind;
}

function fail(error) {
  const lost = error instanceof TypeError; // as fetch fails where nobody answers
  tell(lost ? "segae has ended: start it again" : error.message, "failed");
}

async function start() {
  state = await (await ask("state")).json();
  version = state.version;
  board = new Board($("board"), state.colors, (stroke) => finish({ image: current, ...stroke }));
  $("images").replaceChildren(...state.images.map(({ name }, i) => new Option(name, i)));
  document.querySelector("nav").hidden = state.images.length < 2;
  listClasses();
  listen();
  await open(0);
  await becomeReady();
}

// Wait for the encoder; strokes can be drawn meanwhile.
async function becomeReady() {
  const began = performance.now();
  while (!state.ready) {
    if (state.failure) throw new Error(state.failure);
    const seconds = Math.round((performance.now() - began) / 1000);
    tell(`${state.stage}: ${seconds} s. You can draw meanwhile.`, "busy");
    await new Promise((wake) => setTimeout(wake, 300));
    state = { ...await (await ask("state")).json(), classes: state.classes };
  }
  await refresh();
}

async function open(image) {
  await sending.catch(() => {});
  current = image;
  wanted += 1;
  const { width, height } = state.images[image];
  const [picture, strokes] = await Promise.all(
    ["picture", "strokes"].map((what) => bytes(`${what}?image=${image}`)),
  );
  board.open(width, height, picture, strokes);
  board.show(null);
  $("images").value = image;
  $("previous").disabled = image === 0;
  $("next").disabled = image === state.images.length - 1;
  linkFiles(false);
  if (state.ready) await refresh();
}

function finish(stroke) {
  done.push(stroke);
  undone = [];
  send(stroke.image, stroke.box, stroke.after);
}

function send(image, [left, top, right, bottom], patch) {
  $("undo").disabled = !done.length;
  $("redo").disabled = !undone.length;
  const began = performance.now();
  const place = `top=${top}&left=${left}&height=${bottom - top}&width=${right - left}`;
  wanted += 1;
  rank = 0;
  sending = sending.catch(() => {}).then(async () => {
    const answer = await ask(`strokes?image=${image}&${place}`, { method: "POST", body: patch });
    version = (await answer.json()).version;
  });
  sending.then(() => state.ready && refresh(began)).catch(fail);
}

async function step(from, to, side) {
  const stroke = from.pop();
  if (!stroke) return;
  to.push(stroke);
  if (stroke.image !== current) await open(stroke.image);
  board.paste(stroke[side], stroke.box);
  send(stroke.image, stroke.box, stroke[side]);
}

// Ask for labels and doubt: coarse ones first where that is sooner.
async function refresh(began = performance.now()) {
  const mine = (wanted += 1);
  const { width, height } = state.images[current];
  tell("Segmenting", "busy");
  let first = 0;
  for (const every of width * height > LARGE ? [COARSE, 1] : [1]) {
    const question = ask(`view?image=${current}&step=${every}&version=${version}`);
    const answer = await question.catch((error) => {
      if (mine === wanted) throw error; // else a newer stroke is why
    });
    if (mine !== wanted) return;
    const both = new Uint8Array(await answer.arrayBuffer());
    if (mine !== wanted) return;
    if (answer.status === 204) {
      board.show(null);
      linkFiles(false);
      tell("Draw strokes of two classes at least");
      return;
    }
    const half = both.length / 2;
    board.show({ step: every, labels: both.subarray(0, half), doubt: both.subarray(half) });
    first ||= performance.now() - began;
  }
  const last = performance.now() - began;
  const seconds = [first, last].map((t) => (t / 1000).toFixed(1));
  tell(last - first < 50 ? `Updated in ${seconds[1]} s` : `Updated in ${seconds[0]} s, in full in ${seconds[1]} s`);
  linkFiles(true);
}

// Go to the region to label next, maybe in another image, and mark it.
async function suggest() {
  await sending.catch(() => {});
  if (!state.ready) return;
  tell("Looking for an uncertain region", "busy");
  const answer = await ask(`suggestion?rank=${rank++}`); // 0 again after a stroke
  if (answer.status === 204) {
    tell("Nothing to suggest: draw strokes of two classes, or every region has strokes");
    return;
  }
  const { image, top, left, height, width } = await answer.json();
  if (image !== current) await open(image);
  board.mark([left, top, left + width, top + height]);
  tell("Draw a stroke of every class in the box");
}

function linkFiles(ready) {
  for (const what of ["labels", "strokes"]) {
    for (const format of ["png", "npy"]) {
      link(`${what}-${format}`, `download/${what}?image=${current}&as=${format}`, ready || what === "strokes");
    }
  }
  link("model", "download/model", ready);
}

function link(id, address, ready) {
  $(id).setAttribute("aria-disabled", String(!ready));
  $(id).setAttribute("aria-label", id.replace("-", " as "));
  if (ready) $(id).href = address;
  else $(id).removeAttribute("href");
}

function listClasses() {
  $("classes").replaceChildren(...state.classes.map((name, i) => {
    const [item, label] = [document.createElement("li"), document.createElement("label")];
    const [radio, color] = [document.createElement("input"), document.createElement("i")];
    const text = document.createElement("input");
    Object.assign(radio, { type: "radio", name: "class", value: i + 1, checked: board.chosen === i + 1 });
    radio.setAttribute("aria-label", `Draw ${name}`);
    radio.addEventListener("change", () => choose(i + 1));
    color.style.background = state.colors[i];
    label.append(radio, color);
    Object.assign(text, { type: "text", value: name, maxLength: 40 });
    text.setAttribute("aria-label", `Name of class ${i + 1}`);
    text.addEventListener("change", () => rename(state.classes.with(i, text.value)).catch(fail));
    item.className = radio.checked ? "chosen" : "";
    item.append(label, text);
    if (i < KEYED) item.append(Object.assign(document.createElement("kbd"), { textContent: i + 1 }));
    return item;
  }));
  $("add").disabled = state.classes.length >= state.colors.length;
}

function rename(names) {
  state.classes = names; // at once: a click on a button may be what ends the writing of a name
  sending = sending.catch(() => {}).then(async () => {
    const answer = await ask("classes", { method: "POST", body: JSON.stringify(names) });
    if (state.classes === names) state.classes = await answer.json();
    listClasses();
  });
  return sending;
}

async function add() {
  await rename([...state.classes, `class ${state.classes.length + 1}`]);
  choose(state.classes.length);
}

function choose(number) {
  if (number > state.classes.length) return;
  board.chosen = number;
  take("brush");
  for (const [i, item] of [...$("classes").children].entries()) {
    item.className = i + 1 === number ? "chosen" : "";
    item.querySelector("[type=radio]").checked = i + 1 === number;
  }
}

function take(tool) {
  board.tool = tool;
  for (const name of ["brush", "eraser", "hand"]) $(name).setAttribute("aria-pressed", String(name === tool));
  $("board").className = tool === "hand" ? "moving" : "";
  board.draw();
}

function resizeBrush(size) {
  board.size = Math.min(Math.max(size, 1), Number($("size").max));
  $("size").value = board.size;
  $("size-told").textContent = `${board.size} px`;
  board.draw();
}

function setShown() {
  board.opacity = $("opacity").value / 100;
  $("opacity-told").textContent = `${$("opacity").value} %`;
  board.showsStrokes = $("drawn").checked;
  const turned = board.showsDoubt !== $("doubt").checked;
  board.showsDoubt = $("doubt").checked;
  $("scale").hidden = !board.showsDoubt;
  if (turned) board.paintOver();
  board.draw();
}

function flip(id) {
  $(id).checked = !$(id).checked;
  setShown();
}

const undo = () => step(done, undone, "before").catch(fail);
const redo = () => step(undone, done, "after").catch(fail);
const next = () => suggest().catch(fail);
const turn = (by) => state.images[current + by] && open(current + by).catch(fail);
const pan = (x, y) => board.move(60 * board.density * x, 60 * board.density * y);

const KEYS = {
  b: () => take("brush"), e: () => take("eraser"), h: () => take("hand"),
  "[": () => resizeBrush(Math.round(board.size / 1.3) - (board.size < 4 ? 1 : 0)),
  "]": () => resizeBrush(Math.round(board.size * 1.3) + (board.size < 4 ? 1 : 0)),
  l: next,
  u: () => flip("doubt"), s: () => flip("drawn"),
  "+": () => board.zoomBy(1.3), "=": () => board.zoomBy(1.3), "-": () => board.zoomBy(1 / 1.3),
  0: () => board.fit(), n: () => turn(1), p: () => turn(-1),
};
const ARROWS = {
  ArrowLeft: () => pan(1, 0), ArrowRight: () => pan(-1, 0),
  ArrowUp: () => pan(0, 1), ArrowDown: () => pan(0, -1),
};

function press(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.target.matches("input[type=text]") || event.altKey) return;
  if (event.ctrlKey || event.metaKey) {
    const act = { z: event.shiftKey ? redo : undo, y: redo }[key];
    if (act) { event.preventDefault(); act(); }
    return;
  }
  // Sliders and lists have arrows of their own.
  const owned = event.target.matches("input, select");
  const keys = owned ? KEYS : { ...KEYS, ...ARROWS };
  const act = /^[1-9]$/.test(key) ? () => choose(Number(key)) : keys[key];
  if (!act) return;
  event.preventDefault();
  act();
}

function listen() {
  const click = (id, act) => $(id).addEventListener("click", act);
  for (const tool of ["brush", "eraser", "hand"]) click(tool, () => take(tool));
  $("size").addEventListener("input", () => resizeBrush(Number($("size").value)));
  for (const id of ["opacity", "doubt", "drawn"]) $(id).addEventListener("input", setShown);
  click("undo", undo);
  click("redo", redo);
  click("suggest", next);
  click("add", () => add().catch(fail));
  click("closer", () => board.zoomBy(1.3));
  click("further", () => board.zoomBy(1 / 1.3));
  click("fit", () => board.fit());
  click("previous", () => turn(-1));
  click("next", () => turn(1));
  $("images").addEventListener("change", () => open(Number($("images").value)).catch(fail));
  document.addEventListener("keydown", press);
}

start().catch(fail);
