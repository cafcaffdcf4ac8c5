/** Event files for TensorBoard, read back by a reader made from the definition of the format alone. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert/mod.js";
import { encodeEvent } from "../../model/files/tensorboard/event.ts";
import { histogramOf } from "../../model/files/tensorboard/histogram.ts";
import { EventLog } from "../../tasks/common/event_log.ts";
import { layerOf } from "../../tasks/common/run_events.ts";
import { doublesOf, type Message, parse, readEvents, scalarOf, textOf } from "./event_reader.ts";

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("scalars, text, histograms and settings are read back as TensorFlow defines them", () =>
  inFolder(async (folder) => {
    const log = await EventLog.open(folder, 0, { model: "small", rate: 5e-4, debug: false });
    const numbers = Float32Array.of(-2, -0.5, 0, 0.5, 0.5, 3, NaN, Infinity);
    await log.add(7, [
      { kind: "scalar", tag: "loss", value: 1.5 },
      { kind: "scalar", tag: "global_step/sec", value: NaN },
      { kind: "text", tag: "corrupted sentences", value: "**琥珀**" },
      { kind: "histogram", tag: "weights/a", value: histogramOf([numbers])! },
    ]);
    assert(/events\.out\.tfevents\.\d+\.kohaku$/.test(log.path), log.path);
    const [version, settings, event, ...rest] = readEvents(await Deno.readFile(log.path));
    assertEquals(rest, []);
    assertEquals(version.version, "brain.Event:2");
    assertAlmostEquals(version.wallTime, Date.now() / 1000, 60);
    assertEquals([event.step, scalarOf(event, "loss")], [7, 1.5]);
    assert(Number.isNaN(scalarOf(event, "global_step/sec")));

    const text = event.values.get("corrupted sentences")!;
    const tensor = parse(text.get(8)![0] as Uint8Array);
    assertEquals(tensor.get(1), [7]);
    assertEquals(textOf(tensor.get(8)![0]), "**琥珀**");
    const plugin = (message: Message): Message =>
      parse(parse(message.get(9)![0] as Uint8Array).get(1)![0] as Uint8Array);
    assertEquals(textOf(plugin(text).get(1)![0]), "text");

    const histogram = parse(event.values.get("weights/a")!.get(5)![0] as Uint8Array);
    const [min, max, count, sum, squares] = [1, 2, 3, 4, 5].map((n) =>
      doublesOf(histogram.get(n)![0])[0]
    );
    assertEquals([min, max, count, sum, squares], [-2, 3, 6, 1.5, 13.75]);
    const limits = doublesOf(histogram.get(6)![0]), counts = doublesOf(histogram.get(7)![0]);
    assertEquals(limits, limits.toSorted((a, b) => a - b));
    assertEquals(counts.reduce((a, b) => a + b), 6);

    const start = settings.values.get("_hparams_/session_start_info")!;
    assertEquals(textOf(plugin(start).get(1)![0]), "hparams");
    const data = parse(plugin(start).get(2)![0] as Uint8Array);
    const hparams = parse(data.get(3)![0] as Uint8Array).get(1)!.map((entry) => {
      const [[key], [value]] = [1, 2].map((n) => parse(entry as Uint8Array).get(n)!);
      const one = parse(value as Uint8Array);
      const shown = one.has(2)
        ? doublesOf(one.get(2)![0])[0]
        : one.has(3)
        ? textOf(one.get(3)![0])
        : one.get(4)![0] !== 0;
      return [textOf(key), shown];
    });
    assertEquals(hparams, [["model", "small"], ["rate", 5e-4], ["debug", false]]);
  }));

Deno.test("every value of a histogram is between the limits of its bucket", () => {
  const values = Float32Array.from(
    { length: 999 },
    (_, i) => Math.fround((i % 2 ? 1 : -1) * 10 ** (i % 40 - 30) * (1 + i / 999)),
  );
  const { limits, counts } = histogramOf([values.subarray(0, 500), values.subarray(500)])!;
  limits.forEach((limit, i) => {
    const low = i === 0 ? -Infinity : limits[i - 1];
    // A negative value lies at the upper end of its bucket, where that is its least magnitude.
    const inside = values.filter((value) =>
      value < 0 ? value > low && value <= limit : value >= low && value < limit
    );
    assertEquals(inside.length, counts[i], `(${low}, ${limit}]`);
  });
  assertEquals(histogramOf([Float32Array.of(NaN)]), undefined);
});

Deno.test("a run that goes on writes no step twice and leaves none out", () =>
  inFolder(async (folder) => {
    const told: string[] = [];
    const open = (step: number): Promise<EventLog> =>
      EventLog.open(folder, step, { a: 1 }, (line) => told.push(line));
    const add = async (log: EventLog, steps: number[]): Promise<void> => {
      for (const step of steps) await log.add(step, [{ kind: "scalar", tag: "loss", value: step }]);
    };
    const first = await open(0);
    await add(first, [1, 2, 3, 4]);
    await add(await open(2), [3, 4, 5]);
    // A kill cuts the last event short; damage takes what is behind it.
    const whole = await Deno.readFile(first.path);
    await Deno.writeFile(first.path, whole.subarray(0, whole.length - 5));
    const third = await open(5);
    assertEquals(third.path, first.path);
    assert(told.length === 1 && told[0].includes("events from there on are left out"), told[0]);
    await add(third, [5, 6]);
    const events = readEvents(await Deno.readFile(first.path));
    assertEquals(events.map(({ step }) => step), [0, 0, 1, 2, 3, 4, 5, 6]);
    assertEquals([...Deno.readDirSync(folder)].length, 1);
  }));

Deno.test("events wait while they cannot be written, and come in order once they can", () =>
  inFolder(async (folder) => {
    const told: string[] = [];
    const log = await EventLog.open(folder, 0, {}, (line) => told.push(line));
    await Deno.rename(log.path, `${log.path}.kept`);
    await Deno.mkdir(log.path);
    await log.add(1, [{ kind: "scalar", tag: "loss", value: 1 }]);
    await log.add(2, [{ kind: "scalar", tag: "loss", value: 2 }]);
    assertEquals(told.length, 1);
    await Deno.remove(log.path);
    await Deno.rename(`${log.path}.kept`, log.path);
    await log.add(3, [{ kind: "scalar", tag: "loss", value: 3 }]);
    const steps = readEvents(await Deno.readFile(log.path)).map(({ step }) => step);
    assertEquals(steps, [0, 0, 1, 2, 3]);
  }));

Deno.test("an event keeps steps beyond 32 bits, and parameters know their layer", () => {
  const event = parse(encodeEvent(1, 2 ** 40, []));
  assertEquals(event.get(2), [2 ** 40]);
  assertEquals(
    layerOf("discriminator.electra.encoder.layer.11.attention.self.query.weight"),
    "discriminator/layer 11",
  );
  assertEquals(
    layerOf("generator.electra.embeddings.word_embeddings.weight"),
    "generator/embeddings",
  );
  assertEquals(layerOf("generator.generator_lm_head.bias"), "generator/head");
});
