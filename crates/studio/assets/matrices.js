// The matrices: small ones whole, large ones by their corners, statistics and a heat map. Numbers
// are fetched for what is in sight.

import { ask } from "./server.js";

const panel = document.getElementById("matrices");
const digits = document.getElementById("digits");
const why = document.getElementById("why");
const known = new Map();
const visible = new Set();
let asked = false;
let refuse = () => {};

const TITLES = { forward: "Forward", backward: "Backward", update: "Update" };

function write(value, places) {
  if (value === null) return "not finite";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 10 ** -places || size >= 1e6)
    ? value.toExponential(Math.min(places, 5)) : value.toFixed(places);
  return text.replaceAll("-", "−");
}

/** Digits after the point: more where the columns are few. */
const fitting = (columns) => Number(digits.value) || (columns <= 3 ? 9 : 4);

function cell(matrix, name, i, j, most, places) {
  const value = matrix.v[i][j];
  const made = document.createElement("td");
  if (value !== null) {
    made.style.setProperty("--tint", value < 0 ? "var(--k1)" : "var(--k0)");
    made.style.setProperty("--share", `${(most > 0 ? Math.abs(value) / most * 42 : 0).toFixed(0)}%`);
  }
  const entry = `${name}[${matrix.r[i] + 1},${matrix.c[j] + 1}]`;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = write(value, places);
  button.title = `${entry} = ${value}`;
  button.setAttribute("aria-label", `${entry} = ${write(value, places)}, why?`);
  button.addEventListener("click", () => explain(entry));
  made.append(button);
  return made;
}

function gap(text) {
  const made = document.createElement("td");
  made.className = "gap";
  made.textContent = text;
  return made;
}

function table(matrix, name) {
  const most = Math.max(Math.abs(matrix.least), Math.abs(matrix.largest));
  const places = fitting(matrix.c.length);
  const body = document.createElement("tbody");
  matrix.r.forEach((row, i) => {
    if (i > 0 && matrix.r[i - 1] + 1 < row) body.insertRow().append(gap("⋮"));
    const line = body.insertRow();
    matrix.c.forEach((column, j) => {
      if (j > 0 && matrix.c[j - 1] + 1 < column) line.append(gap("…"));
      line.append(cell(matrix, name, i, j, most, places));
    });
  });
  const made = document.createElement("table");
  made.setAttribute("aria-label", `${name}, ${matrix.rows} by ${matrix.cols}`);
  made.append(body);
  return made;
}

function fill(section, matrix) {
  const inside = section.lastElementChild;
  section.querySelector("small").textContent = matrix
    ? `${matrix.rows}×${matrix.cols}` : section.dataset.shape;
  if (!matrix) return inside.replaceChildren();
  inside.replaceChildren(table(matrix, section.dataset.name.replace(" ←", "")));
  if (!matrix.heat) return undefined;
  const note = document.createElement("p");
  note.className = "note";
  note.textContent = ["least", "largest", "mean", "norm"]
    .map((word) => `${word} ${write(matrix[word], 4)}`).join(" · ");
  inside.insertAdjacentHTML("beforeend", matrix.heat);
  inside.append(note);
  return undefined;
}

async function explain(entry) {
  try {
    const found = await ask("why", { entry });
    const body = document.createElement("tbody");
    for (const [term, numbers, value] of found.terms) {
      const line = body.insertRow();
      [term, numbers, write(value, 9)].forEach((text) => line.insertCell().append(text));
    }
    const rest = found.count - found.terms.length;
    if (rest > 0) body.insertRow().insertCell().append(`and ${rest} more`);
    const sum = body.insertRow();
    sum.className = "sum";
    ["sum", "", write(found.value, 9)].forEach((text) => sum.insertCell().append(text));
    const title = document.createElement("strong");
    title.textContent = `${found.name} = ${found.equation}`;
    const wide = document.createElement("div");
    wide.className = "wide";
    const terms = document.createElement("table");
    terms.append(body);
    wide.append(terms);
    const close = document.createElement("button");
    Object.assign(close, { type: "button", className: "quiet", textContent: "Close" });
    close.addEventListener("click", () => { why.hidden = true; });
    why.replaceChildren(close, title, wide);
    why.hidden = false;
  } catch (error) {
    refuse(error);
  }
}

async function fetchVisible() {
  const wanted = [...visible].filter((number) => !known.has(number));
  if (asked || !wanted.length) return;
  asked = true;
  try {
    for (const [number, matrix] of Object.entries(await ask("numbers", { of: wanted.join(",") }))) {
      known.set(Number(number), matrix);
      const section = panel.querySelector(`[data-number="${number}"]`);
      if (section) fill(section, matrix);
    }
  } catch (error) {
    refuse(error);
  }
  asked = false;
  if ([...visible].some((number) => !known.has(number))) setTimeout(fetchVisible, 100);
}

const watch = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const number = Number(target.dataset.number);
    if (isIntersecting) visible.add(number);
    else visible.delete(number);
  }
  fetchVisible();
}, { rootMargin: "300px" });

/** A heading for each matrix; the numbers follow. */
export function showMatrices(lines) {
  watch.disconnect();
  visible.clear();
  known.clear();
  const made = document.createDocumentFragment();
  let part = null;
  lines.forEach((line, number) => {
    if (line.part !== part) {
      part = line.part;
      const title = document.createElement("h3");
      title.textContent = TITLES[part];
      made.append(title);
    }
    const section = document.createElement("section");
    section.className = "matrix";
    section.setAttribute("aria-label", line.name);
    Object.assign(section.dataset, { name: line.name, number, shape: line.shape });
    const head = document.createElement("div");
    head.className = "head";
    head.innerHTML = line.left;
    head.append(document.createElement("small"));
    head.lastElementChild.textContent = line.shape;
    const inside = document.createElement("div");
    inside.className = "wide";
    section.append(head, inside);
    made.append(section);
    watch.observe(section);
  });
  panel.replaceChildren(made);
}

/** The numbers are others now. */
export function renew() {
  known.clear();
  fetchVisible();
}

export function begin(refused) {
  refuse = refused;
  digits.addEventListener("change", () => {
    known.forEach((matrix, number) => {
      const section = panel.querySelector(`[data-number="${number}"]`);
      if (section) fill(section, matrix);
    });
  });
}
