// The page: what the server says goes where it belongs, what is clicked goes to the server.

import { act, ask, send } from "./server.js";
import * as editor from "./editor.js";
import * as formulas from "./formulas.js";
import * as matrices from "./matrices.js";
import * as training from "./training.js";
import { link } from "./links.js";

const find = (id) => document.getElementById(id);
const said = find("said");

function say(text, bad = false) {
  said.textContent = text;
  said.classList.toggle("bad", bad);
}

const refuse = (error) => say(error.message, true);
let follow = () => {};

/** Shows what changed. */
function update(view) {
  say("");
  if (view.text !== undefined) editor.fill(view.text);
  if (view.options) training.showOptions(view.options);
  if (view.page) {
    formulas.showPage(view.page);
    matrices.showMatrices(view.page.lines);
  }
  editor.complain(view.error);
  const stand = view.stand;
  find("note").textContent = stand.note ?? "";
  find("unfit").hidden = !stand.unfit;
  find("unfit").firstElementChild.textContent = stand.unfit ?? "";
  find("all").textContent = `of ${stand.all}`;
  const rows = find("follow").rows;
  if (document.activeElement !== rows) rows.value = stand.rows;
  formulas.showPhase(stand.phase);
  training.showCourse(stand);
  if (stand.failed) say(stand.failed, true);
  if (view.numbers) matrices.renew();
  follow();
}

const after = (asked) => asked.then(update).catch(refuse);

// Edits go one after the other, the last of those that wait.
let sending = false;
let next = null;
async function edited(text) {
  next = text;
  if (sending) return;
  sending = true;
  while (next !== null) {
    const sent = next;
    next = null;
    // The text stays as it is typed.
    await act("edit", { text: sent }).then(({ text: _, ...view }) => update(view)).catch(refuse);
  }
  sending = false;
}

async function copy(format) {
  const { text } = await ask("copy", { as: format });
  await navigator.clipboard.writeText(text);
  say(`${format === "latex" ? "LaTeX" : "NumPy"} is in the clipboard`);
}

link();
matrices.begin(refuse);
follow = training.begin(update, refuse);
editor.edit(edited);
for (const button of document.querySelectorAll("[data-step]")) {
  button.addEventListener("click", () => after(act("step", { to: button.dataset.step })));
}
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", () => copy(button.dataset.copy).catch(refuse));
}
find("follow").addEventListener("submit", (event) => {
  event.preventDefault();
  after(act("follow", { rows: event.target.rows.value }));
});
find("follow").rows.addEventListener("change", (event) =>
  after(act("follow", { rows: event.target.value })));
find("open").addEventListener("click", () => find("file").click());
find("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) after(send(file));
  event.target.value = "";
});
find("layers").addEventListener("click", () => after(act("layers")));
after(ask("state"));
