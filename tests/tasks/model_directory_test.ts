import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert/mod.js";
import { resolveHparams } from "../../model/electra/config.ts";
import { ModelError } from "../../model/errors.ts";
import type { CheckpointFiles } from "../../model/files/checkpoint.ts";
import { encodeSafeTensors, safeTensor } from "../../model/files/safetensors.ts";
import { UsageError } from "../../tasks/common/command.ts";
import { MetricsLog, type TrainingLine } from "../../tasks/common/metrics_log.ts";
import { ModelDirectory } from "../../tasks/common/model_directory.ts";

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "kohaku-model-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const { hparams } = resolveHparams({ model_size: "small" });

/** A checkpoint of one tensor. */
function checkpoint(step: number, weight = step, state: unknown = {}): CheckpointFiles {
  const tensors = new Map([["w", safeTensor(Float32Array.of(1, weight, 3), [3])]]);
  const file = encodeSafeTensors({ tensors, metadata: {} });
  const text = JSON.stringify({ step, seed: 42, hparams, ...state as object });
  return new Map([
    ["model.safetensors", file],
    ["optimizer.safetensors", file],
    ["state.json", new TextEncoder().encode(text)],
  ]);
}

/** Puts a byte of a file to another value. */
async function flip(path: string, at: number): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[at < 0 ? bytes.length + at : at] ^= 1;
  await Deno.writeFile(path, bytes);
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

Deno.test("a checkpoint with one changed bit, one file short or missing, or of another step is passed over", () =>
  inFolder(async (folder) => {
    const damages: [string, (at: string) => Promise<void>][] = [
      ["model.safetensors is damaged", (at) => flip(`${at}/model.safetensors`, -1)],
      ["optimizer.safetensors is damaged", (at) => flip(`${at}/optimizer.safetensors`, 9)],
      ["state.json is damaged", (at) => flip(`${at}/state.json`, 5)],
      ["where", (at) => Deno.truncate(`${at}/model.safetensors`, 20)],
      ["model.safetensors is missing", (at) => Deno.remove(`${at}/model.safetensors`)],
      ["manifest.json is missing", (at) => Deno.remove(`${at}/manifest.json`)],
      ["manifest.json is damaged", (at) => Deno.writeTextFile(`${at}/manifest.json`, "{")],
      [
        "manifest.json is damaged: files.0.name",
        (at) =>
          Deno.writeTextFile(
            `${at}/manifest.json`,
            JSON.stringify({
              format: "kohaku-checkpoint-1",
              files: [{ name: "../../x", bytes: 0, sha256: "0".repeat(64) }],
            }),
          ),
      ],
    ];
    for (const [i, [message, damage]] of damages.entries()) {
      const directory = ModelDirectory.of(folder, `model-${i}`);
      for (const step of [10, 20, 30]) await directory.save(step, checkpoint(step), 0);
      await damage(directory.checkpoint(30));
      const good = (await directory.newestGood())!;
      assertEquals(good.step, 20);
      assertStringIncludes(good.damaged.get(30)!, message);
      const told: string[] = [];
      assertEquals(await directory.find("latest", (line) => told.push(line)), 20);
      assertEquals(told.length, 1);
      await assertRejects(() => directory.load(30), ModelError, message);
      // It makes way for the one that training comes to.
      await new ModelDirectory(directory.path).save(30, checkpoint(30, 7), 0);
      assertEquals((await directory.newestGood())!.step, 30);
    }
  }));

Deno.test("a state of another step, or out of range, is refused though its checksum is right", () =>
  inFolder(async (folder) => {
    for (const step of [-20, 520, 1.5, null, "30"]) {
      const directory = ModelDirectory.of(folder, `model-${step}`);
      await directory.save(10, checkpoint(10), 0);
      await directory.save(30, checkpoint(30, 1, { step }), 0);
      assertEquals((await directory.newestGood())!.step, 10);
      await directory.setAside(30);
      assertEquals(namesIn(`${directory.path}/checkpoints`), [
        "step-00000010",
        "step-00000030.damaged",
      ]);
      assertEquals(await directory.steps(), [10]);
    }
    const directory = ModelDirectory.of(folder, "none");
    assertEquals(await directory.newestGood(), undefined);
    await directory.save(30, checkpoint(30, 1, { seed: -1 }), 0);
    await assertRejects(() => directory.newestGood(), ModelError, "no checkpoint that can be used");
  }));

Deno.test("weights that are not finite are never saved, and good checkpoints stay", () =>
  inFolder(async (folder) => {
    const directory = ModelDirectory.of(folder, "electra");
    await directory.save(10, checkpoint(10), 1);
    for (const weight of [NaN, Infinity, -Infinity]) {
      await assertRejects(
        () => directory.save(20, checkpoint(20, weight), 1),
        ModelError,
        `element 1 of w is ${weight}`,
      );
    }
    assertEquals(namesIn(`${directory.path}/checkpoints`), ["step-00000010"]);
  }));

Deno.test("what is there and whole is not written again, and the newest are kept", () =>
  inFolder(async (folder) => {
    const directory = ModelDirectory.of(folder, "electra");
    for (const step of [10, 20, 30]) await directory.save(step, checkpoint(step), 2);
    assertEquals(await directory.steps(), [20, 30]);
    const { ino } = await Deno.stat(`${directory.checkpoint(30)}/model.safetensors`);
    const again = new ModelDirectory(directory.path);
    await again.save(30, checkpoint(30), 2);
    assertEquals((await Deno.stat(`${directory.checkpoint(30)}/model.safetensors`)).ino, ino);
    // What a killed run had begun goes with the next save; one that is damaged evicts no good one.
    await Deno.mkdir(`${directory.checkpoint(35)}.part`);
    await Deno.mkdir(directory.checkpoint(520));
    await again.save(40, checkpoint(40), 2);
    assertEquals(namesIn(`${directory.path}/checkpoints`), [
      "step-00000030",
      "step-00000040",
      "step-00000520",
    ]);
  }));

Deno.test("of older checkpoints the first stays, and one for every so many hours", () =>
  inFolder(async (folder) => {
    const directory = ModelDirectory.of(folder, "electra");
    // A checkpoint each 40 minutes.
    for (let i = 1; i <= 8; i++) {
      await directory.save(i, checkpoint(i), 0);
      const time = new Date(Date.UTC(2026, 0, 1, 0, 40 * i));
      await Deno.utime(`${directory.checkpoint(i)}/manifest.json`, time, time);
    }
    await directory.save(9, checkpoint(9), 2, 1);
    assertEquals(await directory.steps(), [1, 3, 5, 7, 8, 9]);
    await directory.save(10, checkpoint(10), 2, 1);
    assertEquals(await directory.steps(), [1, 3, 5, 7, 9, 10]);
    await directory.save(11, checkpoint(11), 2);
    assertEquals(await directory.steps(), [10, 11]);
  }));

Deno.test("a save that is cut off at any change on the disk leaves a newest good checkpoint", () =>
  inFolder(async (folder) => {
    const { rename, remove } = Deno;
    let left = Infinity;
    const counted = <A extends unknown[]>(call: (...args: A) => Promise<void>) => (...args: A) =>
      left-- > 0 ? call(...args) : Promise.reject(new Error("cut off"));
    Object.assign(Deno, { rename: counted(rename), remove: counted(remove) });
    try {
      for (let changes = 0, done = false; !done; changes++) {
        const directory = ModelDirectory.of(folder, `model-${changes}`);
        left = Infinity;
        await directory.save(10, checkpoint(10), 1);
        await directory.save(20, checkpoint(20), 1);
        left = changes;
        const again = new ModelDirectory(directory.path);
        // The end of a run that was resumed when it was finished already, and one step more.
        done = await again.save(20, checkpoint(20, 5), 1).then(() =>
          again.save(30, checkpoint(30), 1)
        )
          .then(() => true, () => false);
        left = Infinity;
        const { step } = (await again.newestGood())!;
        assert(step === 20 || step === 30, `after ${changes} changes: step ${step}`);
        assert(changes < 50);
      }
    } finally {
      Object.assign(Deno, { rename, remove });
    }
  }));

Deno.test("a model's name is that of one folder", () => {
  for (const name of ["", ".", "..", "../x", "a/b", "/x", ".hidden", "a\\b", "a\0"]) {
    let error: unknown;
    try {
      ModelDirectory.of("data", name);
    } catch (thrown) {
      error = thrown;
    }
    assert(error instanceof UsageError, JSON.stringify(name));
  }
  assertEquals(ModelDirectory.of("data", "琥珀 2.0").path, "data/models/琥珀 2.0");
});

Deno.test("checkpoints that a link leads to are found", () =>
  inFolder(async (folder) => {
    const elsewhere = ModelDirectory.of(folder, "elsewhere");
    await elsewhere.save(10, checkpoint(10), 0);
    await Deno.mkdir(`${folder}/models/linked/checkpoints`, { recursive: true });
    await Deno.symlink(
      elsewhere.checkpoint(10),
      `${folder}/models/linked/checkpoints/step-00000010`,
    );
    assertEquals((await ModelDirectory.of(folder, "linked").newestGood())!.step, 10);
  }));

Deno.test("the log of metrics is written anew only where a line must go, and never in place", () =>
  inFolder(async (folder) => {
    const path = `${folder}/metrics.jsonl`;
    const keys = ["learning_rate", "masked_lm_loss", "disc_loss", "loss", "gradient_norm"] as const;
    const numbers = Object.fromEntries(keys.map((key) => [key, 1])) as Record<
      typeof keys[number],
      number
    >;
    const line = (step: number): TrainingLine => ({
      step,
      ...numbers,
      skipped_steps: 0,
      steps_per_second: 1,
      tokens_per_second: 1,
    });
    const log = await MetricsLog.open(path, 0);
    for (const step of [1, 2, 3]) await log.add(line(step));
    const { ino } = await Deno.stat(path);
    await MetricsLog.open(path, 3);
    assertEquals((await Deno.stat(path)).ino, ino, "the same file, untouched");
    // A kill while it is written anew must leave the old one: it is a file of its own until then.
    await MetricsLog.open(path, 2);
    assert((await Deno.stat(path)).ino !== ino, "another file took the name");
    assertEquals((await Deno.readTextFile(path)).split("\n").length, 3);
  }));
