// Settings, training and its curves, and the decision surface.

import { act, ask } from "./server.js";

const form = document.getElementById("settings");
const train = document.getElementById("train");
const figures = document.getElementById("figures");
const charts = document.getElementById("charts");
const plane = document.getElementById("plane");
const EVERY = 150;
let running = false;
let surfaced = 0;

function choices(select, groups, chosen) {
  select.replaceChildren(...groups.map(([label, values]) => {
    const options = values.map(([value, text]) => new Option(text, value, false, value === chosen));
    if (!label) return options;
    const group = document.createElement("optgroup");
    group.label = label;
    group.append(...options);
    return [group];
  }).flat());
}

export function showOptions(options) {
  const same = (value) => [value, value];
  choices(form.method, [["Update rules", options.rules.map(same)],
    ["Solvers", options.solvers.map(same)]], options.set.method);
  choices(form.target, [[null, [["", "what fits"], ...(options.columns ?? []).map(same)]]],
    options.set.target ?? "");
  for (const name of ["rate", "batch", "epochs", "seed"]) form[name].value = options.set[name] ?? "";
  form.standardize.checked = options.set.standardize;
}

function settings() {
  const number = (name) => form[name].value === "" ? null : Number(form[name].value);
  return { method: form.method.value, rate: number("rate"), batch: number("batch"),
    epochs: number("epochs"), seed: number("seed"), standardize: form.standardize.checked,
    target: form.target.value || null };
}

function figure(name, value) {
  const [term, told] = ["dt", "dd"].map((tag) => document.createElement(tag));
  term.textContent = name;
  told.textContent = value;
  told.dataset.figure = name;
  return [term, told];
}

async function surface(wanted) {
  if (!wanted) return plane.replaceChildren();
  const { svg } = await ask("plane");
  plane.innerHTML = `<figure><figcaption>Decision surface</figcaption>${svg}</figure>`;
  return undefined;
}

/** How training stands. */
export function showCourse(stand) {
  running = stand.running;
  const course = stand.course;
  train.textContent = running ? "Stop" : course ? "Go on" : "Train";
  train.setAttribute("aria-pressed", String(running));
  charts.innerHTML = course?.charts ?? "";
  figures.replaceChildren(...(course ? [
    ...figure("Epoch", String(course.epoch)),
    ...figure("Loss", course.loss?.toPrecision(5) ?? "not finite"),
    ...(course.accuracy === null ? []
      : figure("Accuracy", `${(course.accuracy * 100).toFixed(1)} %`)),
  ] : []));
  if (!running || Date.now() - surfaced > 500) {
    surfaced = Date.now();
    surface(stand.plane).catch(() => plane.replaceChildren());
  }
}

export function begin(update, refuse) {
  const after = (asked) => asked.then(update).catch(refuse);
  async function poll() {
    while (running) {
      await new Promise((done) => { setTimeout(done, EVERY); });
      update({ ...await ask("stand"), numbers: true });
    }
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", () => {
    if (form.reportValidity()) after(act("set", { settings: settings() }));
  });
  train.addEventListener("click", () => after(act(running ? "stop" : "train")));
  document.getElementById("restart").addEventListener("click", () => after(act("restart")));
  let polling = null;
  return () => {
    if (running && !polling) polling = poll().catch(refuse).finally(() => { polling = null; });
  };
}
