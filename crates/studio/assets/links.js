// A symbol is one thing in the text, the graph, the formulas and among the matrices: pointing at
// it anywhere shows it everywhere.

const quoted = (name) => CSS.escape(name);

/** The value whose place in the graph is that of this name: ∂Z₁ is where Z₁ is. */
export const place = (name) => name.replace(/^∂+/, "");

function clear() {
  document.querySelectorAll(".on").forEach((element) => element.classList.remove("on"));
}

function show(name) {
  clear();
  document.querySelectorAll(`[data-name="${quoted(name)}"]`)
    .forEach((element) => element.classList.add("on"));
  const spot = place(name);
  document.querySelectorAll(`.vertex[data-name="${quoted(spot)}"], .editor [data-name="${quoted(spot)}"]`)
    .forEach((element) => element.classList.add("on"));
  for (const edge of document.querySelectorAll(".edge")) {
    if (edge.dataset.edge.split(" ").includes(spot)) edge.classList.add("on");
  }
}

function named(event) {
  return event.target.closest?.("[data-name]")?.dataset.name;
}

/** Scrolls to the matrix of a name, and to its place in the graph. */
function go(name) {
  for (const selector of [`.vertex[data-name="${quoted(place(name))}"]`,
    `.matrix[data-name="${quoted(name)}"]`]) {
    document.querySelector(selector)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}

export function link() {
  let kept = null;
  let [x, y] = [NaN, NaN];
  document.addEventListener("pointerover", (event) => {
    // Where the page scrolls under a pointer at rest, nobody points at anything.
    if (event.clientX === x && event.clientY === y) return;
    [x, y] = [event.clientX, event.clientY];
    const name = named(event);
    if (name) show(name);
    else if (kept) show(kept);
    else clear();
  });
  document.addEventListener("pointermove", (event) => { [x, y] = [event.clientX, event.clientY]; });
  document.addEventListener("focusin", (event) => {
    const name = named(event);
    if (name) show(name);
  });
  document.addEventListener("click", (event) => {
    kept = named(event) ?? null;
    if (kept) { show(kept); go(kept); } else clear();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { kept = null; clear(); }
    const vertex = event.target.closest?.(".vertex, .line [tabindex]");
    if (vertex && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      kept = vertex.dataset.name;
      show(kept);
      go(kept);
    }
  });
}
