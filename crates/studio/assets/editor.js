// The text: edited in a plain text area, coloured by a copy of it behind.

const text = document.getElementById("text");
const backdrop = document.getElementById("backdrop");
const errors = document.getElementById("errors");
const WAIT = 150;
const WORDS = new Set(["input", "target", "param", "const", "state", "minimize", "layer",
  "optimizer", "where", "adjoint", "surrogate"]);
const PART = /(#[^\n]*)|([\p{L}∂][\p{L}\p{N}_₀-₉⁺⁻]*)|([^#\p{L}∂]+)/gu;
let places = [];

/** The name as the engine writes it: W1 and W_1 are W₁. */
const canonical = (word) => word.replace(/_?(\d+)$/,
  (_, digits) => [...digits].map((d) => String.fromCharCode(0x2080 + Number(d))).join(""));

function element(tag, content, name) {
  const made = document.createElement(tag);
  made.textContent = content;
  if (name) made.dataset.name = name;
  return made;
}

/** Cuts a piece of the text where errors begin and end. */
function pieces(from, content) {
  const cuts = new Set([0, content.length]);
  for (const [start, end] of places) {
    for (const at of [start - from, end - from]) {
      if (at > 0 && at < content.length) cuts.add(at);
    }
  }
  const sorted = [...cuts].sort((a, b) => a - b);
  return sorted.slice(1).map((to, k) => [sorted[k], content.slice(sorted[k], to)]);
}

function paint() {
  const made = document.createDocumentFragment();
  for (const match of text.value.matchAll(PART)) {
    for (const [offset, content] of pieces(match.index, match[0])) {
      const at = match.index + offset;
      const tag = match[1] ? "i" : WORDS.has(match[0]) ? "b" : "span";
      const piece = element(tag, content, match[2] && tag === "span" ? canonical(match[0]) : null);
      const wrong = ([start, end]) => at >= start && at < Math.max(end, start + 1);
      if (places.some(wrong)) piece.classList.add("wrong");
      made.append(piece);
    }
  }
  made.append("\n");
  backdrop.replaceChildren(made);
  scroll();
}

function scroll() {
  backdrop.scrollTop = text.scrollTop;
  backdrop.scrollLeft = text.scrollLeft;
}

/** Shows what is wrong with the text, or nothing. */
export function complain(error) {
  errors.textContent = error?.text ?? "";
  text.setAttribute("aria-invalid", String(Boolean(error)));
  places = error?.places ?? [];
  paint();
}

export function fill(content) {
  if (text.value !== content) text.value = content;
  paint();
}

export function edit(changed) {
  let waiting = null;
  text.addEventListener("input", () => {
    places = [];
    paint();
    clearTimeout(waiting);
    waiting = setTimeout(() => changed(text.value), WAIT);
  });
  text.addEventListener("scroll", scroll);
}
