// The graph, and the equations of forward, backward and update in MathML.

const graph = document.getElementById("graph");
const formulas = document.getElementById("formulas");
const PHASES = ["given", "forward", "backward", "update"];
const TITLES = { forward: "Forward", backward: "Backward", update: "Update" };

function row(line) {
  const made = document.createElement("div");
  made.className = "line";
  made.dataset.part = line.part;
  const sign = line.part === "update" ? "←" : "=";
  const formula = document.createElement("div");
  // MathML of the server: names are escaped there.
  formula.innerHTML = line.left.replace("</math>", "")
    + `<mo>${sign}</mo>` + line.right.replace(/^<math[^>]*>/, "");
  formula.firstElementChild.dataset.line = line.name;
  formula.tabIndex = 0;
  formula.dataset.name = line.part === "update" ? line.name : line.own;
  const note = document.createElement("small");
  note.textContent = line.shape;
  note.title = line.rule;
  made.append(formula, note);
  return made;
}

export function showPage(page) {
  graph.innerHTML = page.graph;
  const made = document.createDocumentFragment();
  for (const part of Object.keys(TITLES)) {
    const lines = page.lines.filter((line) => line.part === part && !line.given);
    if (!lines.length) continue;
    const title = document.createElement("h3");
    title.textContent = TITLES[part];
    if (part === "update") {
      const settings = document.createElement("small");
      settings.textContent = page.settings;
      title.append(" ", settings);
    }
    made.append(title, ...lines.map(row));
  }
  formulas.replaceChildren(made);
}

/** Pales what has no numbers yet. */
export function showPhase(phase) {
  const reached = PHASES.indexOf(phase);
  for (const line of formulas.querySelectorAll(".line")) {
    line.classList.toggle("pending", PHASES.indexOf(line.dataset.part) > reached);
  }
  for (const button of document.querySelectorAll("[data-step]")) {
    const at = PHASES.indexOf(button.dataset.step);
    const done = at > 0 && at <= reached;
    button.classList.toggle("done", done);
    if (at > 0) button.setAttribute("aria-pressed", String(done));
  }
}
