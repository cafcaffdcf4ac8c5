/** What docs/reliability.md promises of whole tasks: kills at any time, a full disk, a second run. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert/mod.js";
import { fromFileUrl, join } from "@std/path/mod.js";
import config from "../../deno.json" with { type: "json" };

const ROOT = fromFileUrl(new URL("../..", import.meta.url));

interface Outcome {
  readonly code: number;
  readonly err: string;
}

/** Starts a task with its own permissions; `blocks` of 512 bytes are the most that a file may have. */
function start(
  name: string,
  cwd: string,
  args: readonly string[],
  blocks?: number,
): Deno.ChildProcess {
  const { command } = (config.tasks as Record<string, { command: string }>)[name];
  const [, flags, script] = /^deno run (.*) (tasks\/\w+\.ts)/.exec(command)!;
  // Without a handler the signal of the limit would kill; ignored, a write fails as on a full disk.
  const limit = blocks === undefined ? "" : `trap '' XFSZ; ulimit -f ${blocks}; `;
  return new Deno.Command("sh", {
    args: [
      "-c",
      `${limit}exec deno run --no-prompt "$@"`,
      "sh",
      ...flags.split(" "),
      join(ROOT, script),
      ...args,
    ],
    cwd,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
}

async function finish(child: Deno.ChildProcess): Promise<Outcome> {
  const { code, stderr } = await child.output();
  return { code, err: new TextDecoder().decode(stderr) };
}

async function succeed(name: string, cwd: string, args: readonly string[]): Promise<number> {
  const begun = performance.now();
  const { code, err } = await finish(start(name, cwd, args));
  assertEquals(code, 0, `${name}: ${err}`);
  return performance.now() - begun;
}

/** Every file below a folder with its content; other names than a stage's own would show. */
async function contents(folder: string, below = ""): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { name, isDirectory } of [...Deno.readDirSync(join(folder, below))]) {
    const path = join(below, name);
    if (isDirectory) {
      for (const [one, hash] of await contents(folder, path)) found.set(one, hash);
    } else {
      const bytes = await Deno.readFile(join(folder, path));
      found.set(path, new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex());
    }
  }
  return found;
}

/** Seeded, so that a failure can be repeated. */
function random(seed: number): () => number {
  return () => (seed = (seed * 48271) % 2147483647) / 2147483647;
}

const STAGES: readonly { name: string; args: readonly string[]; blocks: number }[] = [
  { name: "extract", args: ["--dump", "dump.xml", "--num-processes", "2"], blocks: 16 },
  {
    name: "sentencepiece",
    args: ["--vocab-size", "1500", "--character-coverage", "0.98"],
    blocks: 16,
  },
  { name: "build", args: ["--max-seq-length", "32", "--num-processes", "2"], blocks: 16 },
];

async function prepare(): Promise<string> {
  const cwd = await Deno.makeTempDir({ prefix: "kohaku-reliable-" });
  const sample = await Deno.readTextFile(join(ROOT, "pipeline/sample/jawiki-sample.xml"));
  const pages = sample.split("  </page>\n");
  const dump = [...pages.slice(0, 24), "</mediawiki>\n"].join("  </page>\n");
  await Deno.writeTextFile(join(cwd, "dump.xml"), dump);
  return cwd;
}

Deno.test("stages killed at random times, or that met a full disk, end as if nothing had been", async (t) => {
  const cwd = await prepare();
  const chance = random(7);
  const done: string[] = [];
  for (const { name, args, blocks } of STAGES) {
    await t.step(name, async () => {
      const calm = await Deno.makeTempDir({ prefix: "kohaku-calm-" });
      await Deno.copyFile(join(cwd, "dump.xml"), join(calm, "dump.xml"));
      let took = 0;
      for (const before of [...done, name]) {
        took = await succeed(before, calm, STAGES.find((stage) => stage.name === before)!.args);
      }
      const full = await finish(start(name, cwd, args, blocks));
      assertEquals(full.code, 1, full.err);
      assertStringIncludes(full.err, "make room");
      assert(!full.err.includes("    at "), full.err);
      for (let kill = 0; kill < 3; kill++) {
        const child = start(name, cwd, args);
        const timer = setTimeout(() => child.kill("SIGKILL"), 100 + chance() * took);
        const { code, err } = await finish(child);
        clearTimeout(timer);
        if (code === 0) break;
        assertEquals(code, 137, err);
      }
      // Where a kill came between the vocabulary and the model, the tokenizer is made again.
      const outcome = await finish(start(name, cwd, args));
      if (outcome.code === 2) assertStringIncludes(outcome.err, "is there already");
      else assertEquals(outcome.code, 0, outcome.err);
      assertEquals(await contents(cwd), await contents(calm));
      done.push(name);
      await Deno.remove(calm, { recursive: true });
    });
  }
  await Deno.remove(cwd, { recursive: true });
});

Deno.test("of two runs into one folder at the same time one is refused, and the other is whole", async () => {
  const cwd = await prepare();
  const [first, second] = await Promise.all(
    [["--min-length", "50"], ["--min-length", "20"]].map((more) =>
      finish(start("extract", cwd, ["--dump", "dump.xml", ...more]))
    ),
  );
  const codes = [first.code, second.code].sort();
  // Where one ends before the other looks, that one meets finished documents made otherwise.
  assertEquals(codes, [0, 1], first.err + second.err);
  const { err } = first.code === 1 ? first : second;
  assert(/is writing there|holds documents already/.test(err), err);
  await succeed("extract", cwd, ["--report"]);
  assertEquals([...Deno.readDirSync(join(cwd, "data"))].map(({ name }) => name), ["text"]);
  await Deno.remove(cwd, { recursive: true });
});

Deno.test("encode and decode end at the first Ctrl-C, also while nobody types", async () => {
  const cwd = await prepare();
  for (const { name, args } of STAGES.slice(0, 2)) await succeed(name, cwd, args);
  for (const name of ["encode", "decode"]) {
    const child = new Deno.Command("deno", {
      args: [
        "run",
        "--no-prompt",
        "--allow-read",
        join(ROOT, `tasks/${name}.ts`),
        "--model",
        join(cwd, "data/wiki-ja.model"),
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    child.kill("SIGINT");
    const ended = await Promise.race([
      child.status.then(({ code }) => code),
      new Promise((resolve) => setTimeout(() => resolve("still there"), 1500)),
    ]);
    if (ended === "still there") child.kill("SIGKILL");
    await Promise.all([child.stdin.close().catch(() => {}), child.stdout.cancel()]);
    await child.stderr.cancel();
    assertEquals(ended, 130, name);
  }
  await Deno.remove(cwd, { recursive: true });
});

Deno.test("training that met a full disk, a kill and a damaged checkpoint ends with the weights of a calm run", async () => {
  const cwd = await prepare();
  for (const { name, args } of STAGES) await succeed(name, cwd, args);
  const hparams = JSON.stringify({
    model_hparam_overrides: { hidden_size: 32, num_hidden_layers: 1, max_position_embeddings: 32 },
    embedding_size: 16,
    vocab_size: 1500,
    max_seq_length: 32,
    train_batch_size: 2,
    num_train_steps: 12,
    save_checkpoints_steps: 3,
  });
  const train = (model: string, ...more: string[]): string[] => [
    ...["--hparams", hparams, "--model-name", model, ...more],
  ];
  const checkpoint = (model: string, step: number): string =>
    join(cwd, `data/models/${model}/checkpoints/step-${String(step).padStart(8, "0")}`);
  await succeed("pretrain", cwd, train("calm"));

  // 32 kB hold the metrics and no checkpoint.
  const full = await finish(start("pretrain", cwd, train("tried"), 64));
  assertEquals(full.code, 1, full.err);
  assertStringIncludes(full.err, "training goes on, without a checkpoint of step 3");
  assertStringIncludes(full.err, "make room");
  assertEquals([...Deno.readDirSync(join(cwd, "data/models/tried/checkpoints"))], []);

  const killed = start("pretrain", cwd, train("tried"));
  while (!await Deno.stat(checkpoint("tried", 6)).then(() => true, () => false)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  killed.kill("SIGKILL");
  await finish(killed);
  const steps = [...Deno.readDirSync(join(cwd, "data/models/tried/checkpoints"))]
    .map(({ name }) => name).filter((name) => /^step-\d+$/.test(name)).sort();
  const newest = join(cwd, "data/models/tried/checkpoints", steps.at(-1)!);
  const weights = await Deno.readFile(join(newest, "model.safetensors"));
  weights[weights.length - 100] ^= 4;
  await Deno.writeFile(join(newest, "model.safetensors"), weights);

  const resumed = await finish(start("pretrain", cwd, train("tried", "--resume")));
  assertEquals(resumed.code, 0, resumed.err);
  assertStringIncludes(resumed.err, "model.safetensors is damaged");
  assertStringIncludes(resumed.err, "going on from step");
  for (const file of ["model.safetensors", "optimizer.safetensors"]) {
    const [calm, tried] = await Promise.all(
      ["calm", "tried"].map((model) => Deno.readFile(join(checkpoint(model, 12), file))),
    );
    assertEquals(tried, calm, file);
  }
  await Deno.remove(cwd, { recursive: true });
});
