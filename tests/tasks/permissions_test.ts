import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert/mod.js";
import { fromFileUrl, join } from "@std/path/mod.js";
import config from "../../deno.json" with { type: "json" };

const ROOT = fromFileUrl(new URL("../..", import.meta.url));
const PROBE = fromFileUrl(new URL("permissions_probe.ts", import.meta.url));

/** What deno.json runs for each task. */
const TASKS: Record<string, string> = Object.fromEntries(
  Object.entries(config.tasks).map(([name, { command }]) => [name, command]),
);

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a task with just the permissions that deno.json gives it, the probe before it. */
async function probe(name: string, cwd: string, ...args: string[]): Promise<Outcome> {
  const [, flags, script] = /^deno run (.*) (tasks\/\w+\.ts)/.exec(TASKS[name])!;
  const child = new Deno.Command("deno", {
    args: ["run", ...flags.split(" "), `--preload=${PROBE}`, join(ROOT, script), ...args],
    cwd,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("日本\n"));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

Deno.test("each task works with its permissions, and a read and a write outside are refused", async (t) => {
  const cwd = await Deno.realPath(await Deno.makeTempDir({ prefix: "kohaku-rights-" }));
  const sample = await Deno.readTextFile(join(ROOT, "pipeline/sample/jawiki-sample.xml"));
  const pages = sample.split("  </page>\n");
  const dump = [...pages.slice(0, 24), "</mediawiki>\n"].join("  </page>\n");
  await Deno.writeTextFile(join(cwd, "dump.xml"), dump);
  // The data lies behind a link, as it does where disks are small.
  await Deno.mkdir(join(cwd, "big disk"));
  await Deno.symlink(join(cwd, "big disk"), join(cwd, "data"));
  const hparams = JSON.stringify({
    model_hparam_overrides: {
      hidden_size: 32,
      num_hidden_layers: 1,
      num_attention_heads: 1,
      max_position_embeddings: 32,
    },
    embedding_size: 16,
    vocab_size: 1500,
    max_seq_length: 32,
    train_batch_size: 2,
    num_train_steps: 2,
  });
  const runs: [string, string[]][] = [
    ["extract", ["--dump", "dump.xml", "--num-processes", "2"]],
    ["extract", ["--report"]],
    ["sentencepiece", ["--vocab-size", "1500", "--character-coverage", "0.98"]],
    ["encode", ["--num-processes", "2"]],
    ["decode", []],
    ["build", ["--max-seq-length", "32", "--num-processes", "2", "--compress", "gzip"]],
    ["build", ["--verify", "data/pretrain_tfrecords"]],
    ["pretrain", ["--hparams", hparams, "--trace", "trace"]],
    ["export", ["--out", "exported"]],
  ];
  for (const [name, args] of runs) {
    await t.step(`${name} ${args[0] ?? ""}`, async () => {
      const { code, err } = await probe(name, cwd, ...args);
      assertEquals(code, 0, err);
      assertStringIncludes(err, "KOHAKU-READ NotCapable");
      assertStringIncludes(err, "KOHAKU-WRITE NotCapable");
    });
  }
  await Deno.remove(cwd, { recursive: true });
});

Deno.test("no task may do everything, and those that need no environment do not see it", () => {
  for (const [name, line] of Object.entries(TASKS)) {
    assert(!/(^| )(-A|--allow-all)( |$)/.test(line), name);
    // What serves the project itself, or loads native code, is not for strangers' data.
    if (/^(bench|test|check|fuzz|mutants)/.test(name) || name.endsWith(":dawn")) continue;
    assert(!/--allow-(read|write|run|env|sys|net|ffi)( |$)/.test(line), `${name}: ${line}`);
  }
  for (const name of ["extract", "sentencepiece", "encode", "decode", "build", "export", "wgsl"]) {
    assert(!TASKS[name].includes("--allow-env"), name);
  }
  assertEquals(TASKS.wgsl, "deno run --no-prompt tasks/wgsl.ts");
  assertMatch(TASKS.pretrain, /--allow-env=\w+,\w+,\w+ tasks/);
});
