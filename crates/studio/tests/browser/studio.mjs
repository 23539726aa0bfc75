// A person at the page, in a real browser: node studio.mjs WORKED_URL IRIS_URL TWO_INPUTS_URL [FOLDER]
// The folder takes screenshots.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [worked, iris, plane, folder] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"] });
const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
const page = await context.newPage();
const complaints = [];
page.on("console", (message) => {
  if (message.type() === "error") complaints.push(message.text());
});
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("request", (request) => {
  if (!request.url().startsWith("http://127.0.0.1:") && !request.url().startsWith("data:")) {
    complaints.push(`fetched from elsewhere: ${request.url()}`);
  }
});

const numbers = (name) => page.locator(`.matrix[data-name="${name}"] table button`).allTextContents();
const step = (name) => page.getByRole("button", { name, exact: true }).click();
async function shown(name) {
  await page.locator(`.matrix[data-name="${name}"]`).scrollIntoViewIfNeeded();
  await page.locator(`.matrix[data-name="${name}"] table`).waitFor();
}

async function edits() {
  await page.goto(worked);
  await page.locator(".line").first().waitFor();
  const text = page.getByRole("textbox", { name: "Equations" });
  const before = await text.inputValue();
  await text.fill(before.replace("X W₁ + b₁", "X W₁ᵀᵀ + b₁ Y"));
  await page.locator("#errors:not(:empty)").waitFor();
  const said = await page.locator("#errors").textContent();
  assert.match(said, /two-layers\.eq:8:/, said);
  assert(await page.locator("#backdrop .wrong").count() > 0);
  await text.fill(before.replace("sigmoid(Z₁)", "tanh(Z₁)"));
  await page.locator("#errors:empty").waitFor({ state: "attached" });
  await page.locator('math mi:text("tanh")').first().waitFor();
  await text.fill(before);
  await page.locator('math mi:text("tanh")').first().waitFor({ state: "detached" });
}

async function steps() {
  await step("Forward");
  await shown("E");
  assert.deepEqual(await numbers("E"), ["0.298371109"]);
  assert.equal(await page.locator('.matrix[data-name="∂W₂"] table').count(), 0);
  await step("Backward");
  await shown("∂W₂");
  assert.equal((await numbers("∂W₂"))[0], "0.082167041");
  await step("Update");
  await shown("W₂ ←");
  assert.equal((await numbers("W₂ ←"))[0], "0.358916480");
  // One symbol, three places.
  await page.locator('math [data-name="A₁"]').first().hover();
  for (const place of [".vertex", ".matrix", "math"]) {
    const sight = place === "math" ? 'math [data-name="A₁"].on' : `${place}[data-name="A₁"].on`;
    await page.locator(sight).first().waitFor({ state: "attached" });
  }
  // Why this entry: two products.
  await shown("∂W₁");
  await page.locator('.matrix[data-name="∂W₁"] table button').first().click();
  await page.locator("#why .sum").waitFor();
  assert.match(await page.locator("#why").textContent(), /0\.000438568/);
  // By the keyboard alone.
  await page.locator('.vertex[data-name="Z₁"]').focus();
  await page.keyboard.press("Enter");
  await page.locator('.matrix[data-name="Z₁"].on').waitFor();
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await step("Copy LaTeX");
  await page.locator("#said:text('clipboard')").waitFor();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /begin\{align\*\}/);
}

const figure = async (name) =>
  parseFloat(await page.locator(`[data-figure="${name}"]`).textContent());
const idle = (label) => page.locator(`#train:text-is("${label}")`).waitFor({ timeout: 60000 });

async function trains() {
  await page.goto(iris);
  await page.locator(".line").first().waitFor();
  await page.locator('[name="epochs"]').fill("60");
  await page.locator('[name="epochs"]').blur();
  await page.locator("#train").click();
  await idle("Go on");
  const [epoch, loss, accuracy] =
    [await figure("Epoch"), await figure("Loss"), await figure("Accuracy")];
  assert.equal(epoch, 60);
  assert(accuracy > 90, `accuracy ${accuracy}`);
  const points = (await page.locator("#charts polyline").first().getAttribute("points")).split(" ");
  const height = (point) => Number(point.split(",")[1]);
  assert(height(points.at(-1)) > height(points[0]) + 50, "the curve falls");
  await page.reload();
  await page.locator("[data-figure='Epoch']").waitFor();
  assert.deepEqual([await figure("Epoch"), await figure("Loss")], [60, loss]);
  await page.locator("#train").click();
  await page.locator('[data-figure="Epoch"]:text-is("120")').waitFor({ timeout: 60000 });
  await idle("Go on");
  assert(await figure("Loss") < loss);
  // Stop, while it runs.
  await page.locator('[name="epochs"]').fill("1000000");
  await page.locator('[name="epochs"]').blur();
  await page.locator("#train").click();
  await idle("Stop");
  await page.locator("#train").click();
  await idle("Go on");
  assert(await figure("Epoch") < 1000000);
}

async function surface() {
  await page.goto(plane);
  await page.locator(".surface").waitFor();
  assert(await page.locator(".surface circle").count() > 10);
  // A table from the browser that does not fit, and a page written for it.
  const rows = Array.from({ length: 30 }, (_, i) => `${i},${i % 7},${i % 5},${i % 2 ? "a" : "b"}`);
  await page.locator("#file").setInputFiles({ name: "own.csv", mimeType: "text/csv",
    buffer: Buffer.from(`u,v,w,kind\n${rows.join("\n")}\n`) });
  await page.locator("#unfit:not([hidden])").waitFor();
  await page.locator("#layers").click();
  await page.locator("#unfit").waitFor({ state: "hidden" });
  assert.match(await page.locator("#note").textContent(), /own\.csv: 30 rows/);
}

/** Nothing is wider than the page, at any width; pictures for people. */
async function looks(name) {
  for (const [width, height] of [[360, 780], [1280, 900], [1920, 1080]]) {
    for (const colorScheme of ["light", "dark"]) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      await page.evaluate(() => scrollTo(0, 0));
      await page.waitForTimeout(300);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert(over <= 0, `${name} is ${over} px too wide at ${width}`);
      if (folder) {
        await page.screenshot({ path: `${folder}/${name}-${width}-${colorScheme}.png`,
          fullPage: width === 360 });
      }
    }
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
}

await edits();
await steps();
await looks("steps");
await trains();
await looks("training");
await page.goto(plane);
await page.locator("#train").click();
await idle("Go on");
await looks("plane");
await surface();
assert.deepEqual(complaints, []);
await browser.close();
console.log("all seen");
