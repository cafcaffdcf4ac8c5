import { assert, assertEquals, assertStringIncludes } from "@std/assert/mod.js";
import { KernelError } from "../../kernels/errors.ts";
import type { KernelLaunch } from "../../kernels/launch.ts";
import { matmul } from "../../kernels/matmul/matmul.ts";
import { alignTable, markdownTable } from "../../tasks/common/table.ts";
import { KERNELS } from "../../tasks/common/kernel_registry.ts";
import { hparamsOf } from "../../tasks/common/synthetic.ts";
import { recordPretraining } from "../../model/electra/pretraining.ts";
import { fitExponent } from "../bench/scaling.ts";

/** As little as a model can be, so that few kernels are compiled. */
const LEAST = { hidden_size: 64, num_hidden_layers: 1, num_attention_heads: 1 };

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command("deno", {
    args: ["task", "--quiet", ...args],
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

Deno.test("every kernel is specialised for its own shape; variants that cannot do it say why", () => {
  for (const { name, shape, variants = [], launch } of KERNELS) {
    for (const variant of [undefined, ...variants]) {
      const choices = { subgroupSize: 8, variant, layout: "NT" as const, dropout: 0.1 };
      let launches: readonly KernelLaunch[];
      try {
        launches = launch(shape, choices).launches;
      } catch (error) {
        assert(variant !== undefined && error instanceof KernelError, `${name}: ${error}`);
        assertStringIncludes(error.message, variant);
        continue;
      }
      assert(launches.length > 0, name);
      for (const { wgsl, workgroups } of launches) {
        assertStringIncludes(wgsl, "fn main(", name);
        assert(workgroups.every((count) => count >= 1 && count <= 65_535), name);
      }
    }
  }
});

Deno.test("the registry holds every kernel that a training step dispatches", () => {
  const choices = { subgroupSize: 0, layout: "NT", dropout: 0.1 } as const;
  const shown = new Set(
    KERNELS.flatMap(({ shape, launch }) => launch(shape, choices)).concat(
      matmul({ m: 64, n: 64, k: 256, layout: "NT" }, "workgroup 64x64 split 4"),
    ).flatMap(({ launches }) => launches.map(({ kernel }) => kernel)),
  );
  const size = { modelSize: "tiny", batch: 2, maxSeqLength: 16, vocabSize: 100 } as const;
  const traits = { subgroupSize: 0, maxStorageBufferBindingSize: 1 << 27 };
  const { gradients, update } = recordPretraining(hparamsOf(size), traits);
  const dispatches = [...gradients.tape.dispatches, ...update.tape.dispatches];
  const missing = new Set(dispatches.map(({ launch }) => launch.kernel)).difference(shown);
  assertEquals([...missing], []);
});

Deno.test("wgsl lists kernels, prints one exactly, and names what does not fit", async () => {
  const { out } = await run("wgsl");
  assertStringIncludes(out, "matmul");
  const printed = await run("wgsl", "matmul", "--shape", "12x8x4", "--layout", "TN");
  assertEquals(printed.code, 0);
  assertStringIncludes(printed.out, "// matmul TN 12×8×4");
  assertStringIncludes(printed.out, "var<storage, read> a: array<Elem4>;");
  const wrong: [string[], string][] = [
    [["wgsl", "matmull"], "did you mean matmul?"],
    [["wgsl", "matmul", "--shape", "12x8"], "matmul wants 3 numbers (m × n × k), not 2"],
    [["wgsl", "matmul", "--shape", "12x8xk"], "Whole numbers joined by x"],
    [["wgsl", "adam", "--variant", "8x8"], "adam has no variants"],
    [["bench", "--only", "matmuls"], "the parts are matmul, softmax"],
  ];
  for (const [args, message] of wrong) {
    const { code, err } = await run(...args);
    assertEquals(code, 2, err);
    assertStringIncludes(err, message);
  }
});

Deno.test("profile accounts for the step as JSON, and writes a trace", async () => {
  const trace = await Deno.makeTempFile({ suffix: ".json" });
  const size = ["--model-size", "tiny", "--batch", "1", "--max-seq-length", "16"];
  const { code, out, err } = await run(
    ...["profile", ...size, "--vocab-size", "200", "--runs", "1", "--json", "--trace-out", trace],
    ...["--hparams", JSON.stringify({ model_hparam_overrides: LEAST })],
  );
  assertEquals(code, 0, err);
  const profile = JSON.parse(out);
  const sum = (key: string): number =>
    profile.rows.reduce((total: number, row: Record<string, number>) => total + row[key], 0);
  assert(Math.abs(sum("seconds") - profile.kernelSeconds) < 1e-9);
  assert(Math.abs(sum("share") - 1) < 1e-9);
  assert(profile.rows.some(({ name }: { name: string }) => name === "matmul"));
  const { traceEvents } = JSON.parse(await Deno.readTextFile(trace));
  assert(traceEvents.length > sum("calls"));
  await Deno.remove(trace);
});

Deno.test("pretrain --dry-run prints parameters, memory and time, and leaves no file", async () => {
  const folder = await Deno.makeTempDir();
  const hparams = {
    model_size: "small",
    model_hparam_overrides: LEAST,
    vocab_size: 200,
    max_seq_length: 16,
    train_batch_size: 1,
    num_train_steps: 1000,
  };
  const { code, out, err } = await run(
    ...["pretrain", "--dry-run", "--data-dir", `${folder}/none`],
    ...["--hparams", JSON.stringify(hparams)],
  );
  assertEquals(code, 0, err);
  for (
    const line of ["word embeddings", "optimizer moments", "peak", "dispatches", "all 1,000 steps"]
  ) {
    assertStringIncludes(out, line);
  }
  assertEquals([...Deno.readDirSync(folder)], []);
  await Deno.remove(folder);
});

Deno.test("tables are aligned by the width that a terminal gives, numbers to the right", () => {
  const rows = [["琥珀", "1.5"], ["a|b", "12.25"]];
  assertEquals(alignTable(["name", "ms"], rows), ["name     ms", "琥珀    1.5", "a|b   12.25"]);
  assertEquals(markdownTable(["name", "ms"], rows), [
    "| name | ms |",
    "| --- | ---: |",
    "| 琥珀 | 1.5 |",
    "| a\\|b | 12.25 |",
  ]);
});

Deno.test("a power law's exponent is found again", () => {
  const pairs = [1, 2, 4, 8].map((x) => [x, 3 * x ** 1.7] as const);
  assert(Math.abs(fitExponent(pairs) - 1.7) < 1e-9);
});
