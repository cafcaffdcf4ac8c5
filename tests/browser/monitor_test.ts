/**
 * The monitor in Chromium: curves appear, grow while training writes, and every control works from the keyboard.
 *
 * `deno task test:browser` runs it; it needs Debian's `chromium` (or `CHROMIUM`, the path of one). With
 * `SCREENSHOTS=DIR` it leaves pictures of the page: light and dark, 1280 and 420 pixels wide.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { Runs } from "../../tasks/monitor/runs.ts";
import { handler } from "../../tasks/monitor/server.ts";
import { launchChromium, type Page } from "./chromium.ts";

function lines(from: number, to: number): string {
  let text = "";
  for (let step = from; step <= to; step++) {
    const loss = 10 * Math.exp(-step / 400) + 2 + Math.sin(step * 12.9898) / 5;
    text += JSON.stringify({
      step,
      learning_rate: 5e-4 * (1 - step / 2000),
      masked_lm_loss: loss,
      disc_loss: loss / 50,
      loss: 2 * loss,
      gradient_norm: 1,
      skipped_steps: 0,
      steps_per_second: 2,
      tokens_per_second: 65536,
    }) + "\n";
    if (step % 200 === 0) {
      text +=
        JSON.stringify({ step, eval: { masked_lm_loss: loss, disc_auc: 0.5 + step / 4000 } }) +
        "\n";
    }
  }
  return text;
}

const SENTENCE = [
  { text: "琥珀は", probability: 0.02 },
  { text: "車", original: "木", probability: 0.9 },
  { text: "の", probability: 0.6 },
  { text: "樹脂", original: "樹液", probability: 0.2 },
  { text: "です。", probability: 0.01 },
];

async function makeRuns(folder: string): Promise<void> {
  for (const [name, rate] of [["electra_small", 5e-4], ["electra_fast", 1e-3]] as const) {
    await Deno.mkdir(join(folder, name), { recursive: true });
    const hparams = { model_size: "small", num_train_steps: 2000, learning_rate: rate };
    const config = { hparams, seed: 42, precision: "f32" };
    await Deno.writeTextFile(join(folder, name, "config.json"), JSON.stringify(config));
    await Deno.writeTextFile(join(folder, name, "metrics.jsonl"), lines(1, 1000));
  }
  const samples = { step: 1000, threshold: 0.5, sentences: [SENTENCE] };
  await Deno.writeTextFile(join(folder, "electra_small", "samples.json"), JSON.stringify(samples));
  await Deno.writeTextFile(join(folder, "electra_small", "metrics.jsonl"), "{ damaged\n", {
    append: true,
  });
}

Deno.test({
  name: "the monitor's page shows runs, follows them and obeys the keyboard",
  // The browser's own process keeps pipes open beyond the test.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(): Promise<void> {
    const folder = await Deno.makeTempDir();
    const stop = new AbortController();
    await makeRuns(folder);
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen: () => {} },
      handler(new Runs(folder), stop.signal),
    );
    const address = `http://localhost:${server.addr.port}/`;
    const browser = await launchChromium();
    try {
      for (
        const [theme, width] of [["light", 1280], ["dark", 1280], ["light", 420], [
          "dark",
          420,
        ]] as const
      ) {
        const context = await browser.newContext({
          viewport: { width, height: 900 },
          colorScheme: theme,
        });
        const page = await context.newPage();
        const faults: string[] = [];
        page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
        page.on("pageerror", (error) => faults.push(String(error)));
        await page.goto(address);
        await page.waitForSelector(".uplot canvas");
        await look(page, theme, width, folder);
        const screenshots = Deno.env.get("SCREENSHOTS");
        if (screenshots) {
          await page.screenshot({ path: join(screenshots, `monitor-${theme}-${width}.png`) });
        }
        assertEquals(faults, []);
        await context.close();
      }
    } finally {
      await browser.close();
      stop.abort();
      await server.finished;
      await Deno.remove(folder, { recursive: true });
    }
  },
});

async function look(page: Page, theme: string, width: number, folder: string): Promise<void> {
  const inPage = <T>(script: string): Promise<T> => page.evaluate(script) as Promise<T>;
  assertEquals(await inPage("document.documentElement.dataset.theme"), theme);
  assert(
    await inPage<number>("document.documentElement.scrollWidth") <= width,
    "wider than the window",
  );
  await page.getByLabel("electra_small", { exact: false }).first().setChecked(true);
  await page.waitForSelector("#sentences mark.hit");
  assertEquals(await page.locator("#sentences mark").count(), 3);
  assertEquals(await page.locator("#sentences mark.miss rt").textContent(), "樹液");
  assertStringIncludes(await page.locator("#hparams").innerText(), "num_train_steps");
  const titles = await page.locator(".chart h3 span").allTextContents();
  assert(
    titles.includes("Generator: masked-LM loss") && titles.includes("Discriminator AUC, held out"),
  );
  assert(!titles.includes("Skipped steps"));
  // Both runs, and what differs between them.
  for (const box of await page.locator("#runs input").all()) await box.setChecked(true);
  await page.waitForSelector("tr.differs");
  assertStringIncludes(await page.locator("tr.differs").first().innerText(), "learning_rate");
  // Keys.
  await page.locator("body").press("y");
  assertEquals(await page.locator("#log-y").getAttribute("aria-pressed"), "true");
  await page.locator("body").press("y");
  await page.locator("body").press("x");
  await page.locator("body").press("x");
  await page.locator("body").press("?");
  assert(await page.locator("#help").isVisible());
  await page.keyboard.press("Escape");
  await page.keyboard.press("d");
  assert(await inPage("document.documentElement.dataset.theme") !== theme);
  await page.keyboard.press("d");
  // Training goes on.
  const path = join(folder, "electra_fast", "metrics.jsonl");
  const known = (await Deno.readTextFile(path)).split("\n").length;
  await Deno.writeTextFile(path, lines(known + 5000, known + 5001), { append: true });
  await page.locator("#connection", { hasText: /^updated/ }).waitFor();
}
