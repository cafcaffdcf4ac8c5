/** Pictures of runs: smoothed over raw, held-out points, several runs, and what is not finite. */
import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert/mod.js";
import { fromFileUrl, join } from "@std/path/mod.js";
import { lossSvg } from "../../tasks/common/loss_plot.ts";
import { curvesOf } from "../../tasks/common/run_curves.ts";
import { smooth, thin } from "../../tasks/common/smooth.ts";

const ROOT = fromFileUrl(new URL("../..", import.meta.url));

/** A run as `pretrain` logs it. */
function linesOf(steps: number, height: number): object[] {
  const lines: object[] = [];
  for (let step = 1; step <= steps; step++) {
    const noise = Math.sin(step * 78.233) + Math.sin(step * 12.9898);
    const loss = height * (0.3 + Math.exp(-step / (steps / 5)));
    lines.push({
      step,
      masked_lm_loss: loss + 0.15 * noise,
      disc_loss: 0.2 + loss / 40 + 0.01 * noise,
      loss: 2 * loss,
    });
    if (step % Math.floor(steps / 6) === 0) {
      const metrics = { masked_lm_loss: loss, disc_loss: 0.2 + loss / 40, disc_auc: step / steps };
      lines.push({ step, eval: metrics });
    }
  }
  return lines;
}

const count = (svg: string, what: RegExp): number => [...svg.matchAll(what)].length;

Deno.test("an average does not lag behind a slope, and leaves out what is not finite", () => {
  const constant = Array.from({ length: 50 }, (_, i) => [10 * i, 3] as const);
  assert(smooth(constant, 20).every(([, value]) => Math.abs(value - 3) < 1e-12));
  const slope = Array.from({ length: 201 }, (_, i) => [i, -i] as const);
  assertAlmostEquals(smooth(slope, 5)[100][1], -100, 1e-6);
  const [, [, second], broken, [, last]] = smooth([[0, 0], [10, 1], [15, NaN], [1000, 5]], 10);
  assertAlmostEquals(second, 1 / (1 + Math.exp(-1)));
  assertEquals(broken, [15, NaN]);
  assertAlmostEquals(last, 5);
});

Deno.test("a thinned curve keeps its peaks and what is not finite", () => {
  const points = Array.from(
    { length: 10_000 },
    (_, i) => [i, i === 4321 ? 99 : i === 8765 ? -99 : i === 77 ? NaN : Math.sin(i)] as const,
  );
  const thinned = thin(points, 100);
  assert(thinned.length <= 203, `${thinned.length}`);
  const steps = thinned.map(([step]) => step);
  for (const step of [77, 4321, 8765]) assert(steps.includes(step), `${step}`);
  assertEquals(steps, steps.toSorted((a, b) => a - b));
  assertEquals(thin(points.slice(0, 50), 100), points.slice(0, 50));
});

Deno.test("one run has raw and averaged curves and held-out points, several have a colour each", () => {
  const one = lossSvg([curvesOf("small", linesOf(600, 8))], "small");
  assertEquals(count(one, /opacity="0.28"/g), 2);
  assertEquals(count(one, /stroke-width="2.2"\/>/g), 4, "two curves, two legends");
  assertEquals(count(one, /<circle[^>]*stroke="#ffffff"/g), 18);
  assertStringIncludes(one, "area under the ROC curve");
  const two = lossSvg([
    curvesOf("a<b", linesOf(600, 8)),
    curvesOf("other", linesOf(300, 7)),
  ], "2 runs");
  assertStringIncludes(two, "a&lt;b");
  assertEquals(
    new Set([...two.matchAll(/<polyline[^>]*stroke="(#\w+)"/g)].map(([, c]) => c)).size,
    2,
  );
  assert(!/NaN|Infinity|undefined/.test(one + two));
});

Deno.test("losses that are not finite are crosses, and a run of nothing but them is drawn", () => {
  const broken = linesOf(20, 8).map((line, i) => i === 9 ? { ...line, disc_loss: NaN } : line);
  const svg = lossSvg([curvesOf("x", broken)], "x");
  assertStringIncludes(svg, "not finite, first at step 8");
  const none = lossSvg([curvesOf("x", [{ step: 1, loss: Infinity }])], "x");
  assertStringIncludes(none, "×");
  assert(!/NaN|Infinity/.test(svg + none));
  assertStringIncludes(lossSvg([curvesOf("empty", [])], "empty"), "</svg>");
});

Deno.test("deno task plot draws runs by name, any time, and names those there are", async () => {
  const folder = await Deno.makeTempDir();
  const plot = async (...args: string[]): Promise<{ code: number; out: string; err: string }> => {
    const { code, stdout, stderr } = await new Deno.Command("deno", {
      args: [
        "run",
        "--no-prompt",
        `--config=${join(ROOT, "deno.json")}`,
        "--allow-read=/",
        "--allow-write=/",
        join(ROOT, "tasks/plot.ts"),
        "--data-dir",
        folder,
        ...args,
      ],
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder();
    return { code, out: text.decode(stdout), err: text.decode(stderr) };
  };
  for (const [name, height] of [["small", 8], ["wsd", 7]] as const) {
    const lines = linesOf(400, height).map((line) => JSON.stringify(line));
    await Deno.mkdir(join(folder, "models", name), { recursive: true });
    const text = lines.join("\n") + '\n{"step": 401, "los';
    await Deno.writeTextFile(join(folder, "models", name, "metrics.jsonl"), text);
  }
  const one = await plot("small");
  assertEquals(one.code, 0, one.err);
  const png = await Deno.readFile(join(folder, "models/small/loss.png"));
  assertEquals([...png.subarray(1, 4)], [...new TextEncoder().encode("PNG")]);
  const all = await plot("--out", join(folder, "both"));
  assertEquals(all.code, 0, all.err);
  assertStringIncludes(await Deno.readTextFile(join(folder, "both.svg")), ">2 runs<");
  const unknown = await plot("large");
  assertEquals(unknown.code, 2);
  assertStringIncludes(unknown.err, "has no run large; there are ");
  await Deno.remove(folder, { recursive: true });
});
