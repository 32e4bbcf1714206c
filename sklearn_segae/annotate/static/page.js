// The page: buttons and keys, and what they do on the board and on the server.

import { Board } from "./board.js";
import { ClassList } from "./classes.js";
import { Contrast } from "./contrast.js";
import { linkFiles } from "./files.js";
import { ImageList } from "./images.js";
import { listenToKeys } from "./keys.js";
import { ask, bytes, Edits, isLost, json } from "./server.js";

const $ = (id) => document.getElementById(id);
const COARSE = 3; // of a large image, every third pixel is shown first, along both axes
const LARGE = 250_000; // pixels
const TOOLS = ["brush", "line", "polygon", "fill", "eraser", "hand"];
const DRAWING = ["brush", "line", "polygon", "fill"]; // tools that draw the chosen class

const edits = new Edits();
let state = null;
let board = null;
let classes = null;
let contrast = null;
let images = null;
let tool = "brush";
let current = 0;
let viewing = new AbortController(); // ends requests for views of earlier strokes
let rank = 0; // regions that were suggested since the last stroke
let working = 0; // actions that are not finished
let steps = { undo: 0, redo: 0 }; // how often one can undo and redo, edits on their way included

function tell(message, kind = "") {
  $("message").textContent = message;
  document.body.className = kind;
}

function fail(error) {
  const told = isLost(error) ? "segae has ended: start it again. Saved strokes are kept" : error.message;
  tell(told, "failed");
}

// Do something, and mark the page as busy meanwhile, for screen readers.
async function during(action) {
  const main = document.querySelector("main");
  working += 1;
  main.ariaBusy = "true";
  try {
    return await action();
  } finally {
    working -= 1;
    if (!working) main.ariaBusy = "false";
  }
}

async function start() {
  board = new Board($("board"), draw, (message) => tell(message));
  classes = new ClassList($("classes"), changeClasses, chooseClass);
  const sliders = { low: $("low"), high: $("high"), gamma: $("gamma") };
  const told = { low: $("low-told"), high: $("high-told"), gamma: $("gamma-told") };
  contrast = new Contrast({ ...sliders, told }, (picture) => board.setPicture(picture), fail);
  state = await json("state");
  images = new ImageList(
    {
      nav: $("nav"), list: $("images"), slider: $("image-slider"), thumbnails: $("thumbnails"),
      previous: $("previous"), next: $("next"),
    },
    state.images,
    (image) => turnTo(image),
  );
  $("folder").textContent = state.folder;
  edits.version = state.version;
  show(state);
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
    const { ready, stage, failure } = await json("state");
    Object.assign(state, { ready, stage, failure });
  }
  await refresh();
}

// Show what an edit has changed, besides strokes.
function show({ classes: found, n_strokes: counts, undo: n_undo, redo: n_redo }) {
  if (edits.unsaved) return; // a later answer is on its way
  classes.show(found);
  board.setClasses(found);
  images.mark(counts);
  setSteps(n_undo, n_redo);
  $("add").disabled = found.length >= state.palette.length;
}

function setSteps(n_undo, n_redo) {
  steps = { undo: n_undo, redo: n_redo };
  for (const name of ["undo", "redo"]) $(name).disabled = !steps[name];
}

async function open(image) {
  await edits.settled();
  current = image;
  viewing.abort();
  const { width, height } = state.images[image];
  const found = [contrast.open(image), bytes(`strokes?image=${image}`)];
  const [picture, strokes] = await Promise.all(found);
  if (image !== current) return; // another one was opened meanwhile
  board.open(image, width, height, picture, strokes);
  board.show(null);
  images.select(image);
  linkFiles(current, false);
  if (state.ready) await refresh();
}

function draw({ image, box: [left, top, right, bottom], patch }) {
  const place = `top=${top}&left=${left}&height=${bottom - top}&width=${right - left}`;
  rank = 0;
  during(() => edit(`strokes?image=${image}&${place}`, patch));
}

function changeClasses(found) {
  board.setClasses(found);
  during(() => edit("classes", JSON.stringify(found)));
}

// Send an edit; show its result, or, if it was refused, what the server has.
async function edit(path, body) {
  const began = performance.now();
  viewing.abort();
  setSteps(steps.undo + 1, 0);
  try {
    show(await edits.send(path, body));
    if (state.ready) await refresh(began);
  } catch (error) {
    if (!isLost(error)) await restore().catch(fail);
    fail(error);
  }
}

async function restore() {
  const found = await json("state");
  edits.version = found.version;
  show(found);
  await showStrokes();
}

async function showStrokes() {
  const { image } = board;
  const strokes = await bytes(`strokes?image=${image}`);
  if (image === board.image) board.setStrokes(strokes);
}

// Undo or redo. The board is locked until it shows the strokes of the server.
async function move(path) {
  if (board.drawing || !steps[path]) return;
  const by = path === "undo" ? 1 : -1;
  setSteps(steps.undo - by, steps.redo + by);
  viewing.abort();
  board.locked += 1;
  try {
    const found = await edits.send(path);
    show(found);
    if (found.changed.length && !found.changed.includes(current)) await open(found.changed[0]);
    else await showStrokes();
    if (state.ready) await refresh();
  } finally {
    board.locked -= 1;
  }
}

// Ask for labels and uncertainty: coarse ones first where that is sooner.
async function refresh(began = performance.now()) {
  if (edits.unsaved) return; // the last of these edits asks
  viewing.abort();
  const mine = (viewing = new AbortController());
  const { width, height } = state.images[current];
  tell("Segmenting", "busy");
  const times = [];
  for (const step of width * height > LARGE ? [COARSE, 1] : [1]) {
    const view = await ask(`view?image=${current}&step=${step}&version=${edits.version}`, mine)
      .then(async (answer) => answer.status !== 204 && new Uint8Array(await answer.arrayBuffer()))
      .catch((error) => {
        if (!mine.signal.aborted) throw error;
      });
    if (mine.signal.aborted) return;
    if (!view) {
      board.show(null);
      linkFiles(current, false);
      tell("Draw strokes of two classes at least");
      return;
    }
    const half = view.length / 2;
    board.show({ step, labels: view.subarray(0, half), doubt: view.subarray(half) });
    times.push(((performance.now() - began) / 1000).toFixed(1));
  }
  tell(`Updated in ${[...new Set(times)].join(" s, in full in ")} s`);
  linkFiles(current, true);
}

// Go to the region to label next, maybe in another image, and mark it.
async function suggest() {
  await edits.settled();
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

async function exportAll() {
  await edits.settled();
  tell("Writing the maps of all images and the model", "busy");
  const { folder, files } = await (await ask("export", { method: "POST" })).json();
  tell(`Wrote ${files.length} files to ${folder}`);
}

function chooseClass(number) {
  board.chosen = number;
  if (!DRAWING.includes(tool)) take("brush");
}

function take(name) {
  tool = name;
  board.take(name);
  for (const other of TOOLS) $(other).setAttribute("aria-pressed", String(other === name));
  $("board").className = name === "hand" ? "moving" : "";
  $("hint").hidden = name !== "polygon";
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

function onPolygon(act) {
  if (tool !== "polygon") return;
  board.tools.polygon[act]();
  board.draw();
}

const undo = () => during(() => move("undo")).catch(fail);
const redo = () => during(() => move("redo")).catch(fail);
const next = () => during(suggest).catch(fail);
const turnTo = (image) => during(() => open(image)).catch(fail);
const turn = (by) => state.images[current + by] && turnTo(current + by);
const pan = (x, y) => board.move(60 * board.density * x, 60 * board.density * y);

const KEYS = {
  b: () => take("brush"), i: () => take("line"), g: () => take("polygon"), f: () => take("fill"),
  e: () => take("eraser"), h: () => take("hand"),
  "[": () => resizeBrush(Math.round(board.size / 1.3) - (board.size < 4 ? 1 : 0)),
  "]": () => resizeBrush(Math.round(board.size * 1.3) + (board.size < 4 ? 1 : 0)),
  l: next, a: () => contrast.auto(),
  u: () => flip("doubt"), s: () => flip("drawn"),
  "+": () => board.zoomBy(1.3), "=": () => board.zoomBy(1.3), "-": () => board.zoomBy(1 / 1.3),
  0: () => board.fit(), n: () => turn(1), p: () => turn(-1),
  Escape: () => onPolygon("reset"), Backspace: () => onPolygon("removeLast"),
  Enter: () => onPolygon("finish"),
  ArrowLeft: () => pan(1, 0), ArrowRight: () => pan(-1, 0),
  ArrowUp: () => pan(0, 1), ArrowDown: () => pan(0, -1),
  ...Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => [i, () => classes.choose(i - 1)])),
};
const COMMANDS = { z: undo, "shift+z": redo, y: redo };

function listen() {
  const click = (id, act) => $(id).addEventListener("click", act);
  for (const name of TOOLS) click(name, () => take(name));
  $("size").addEventListener("input", () => resizeBrush(Number($("size").value)));
  for (const id of ["opacity", "doubt", "drawn"]) $(id).addEventListener("input", setShown);
  click("undo", undo);
  click("redo", redo);
  click("suggest", next);
  click("add", () => classes.add(state.palette));
  click("auto", () => contrast.auto());
  click("reset", () => contrast.reset());
  click("export", () => during(exportAll).catch(fail));
  click("closer", () => board.zoomBy(1.3));
  click("further", () => board.zoomBy(1 / 1.3));
  click("fit", () => board.fit());
  click("previous", () => turn(-1));
  click("next", () => turn(1));
  listenToKeys(KEYS, COMMANDS);
  window.addEventListener("beforeunload", (event) => edits.unsaved && event.preventDefault());
}

during(start).catch(fail);
