import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert/mod.js";
import { gzipSync } from "fflate";
import { PipelineError } from "../../../pipeline/errors.ts";
import {
  type ExampleBatch,
  ExampleLoader,
  type LoaderOptions,
  readBatches,
} from "../../../pipeline/examples/loader.ts";
import { EpochOrder } from "../../../pipeline/examples/order.ts";
import { Random } from "../../../pipeline/examples/random.ts";
import { encodeExample } from "../../../pipeline/tfrecord/example.ts";
import { RecordBuffer } from "../../../pipeline/tfrecord/writer.ts";

const LENGTH = 7;

/** An example that can be told from all others: its number is its second token. */
function record(number: number, length = LENGTH): Uint8Array {
  const list = (value: number): number[] => new Array<number>(length).fill(value);
  return encodeExample({
    input_ids: list(1).with(1, number),
    input_mask: list(1).with(length - 1, 0),
    segment_ids: list(0).with(2, 1),
  });
}

/** Frames records into one file's bytes. */
function file(records: Uint8Array[]): Uint8Array {
  const buffer = new RecordBuffer();
  for (const record of records) buffer.append(record);
  return buffer.take().bytes;
}

/** Runs `body` in a folder with files of the given numbers of examples, numbered throughout. */
async function withFiles(
  counts: number[],
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "kohaku-loader-" });
  try {
    let next = 100;
    for (const [i, count] of counts.entries()) {
      const bytes = file(Array.from({ length: count }, () => record(next++)));
      const wrapped = i % 3 === 2;
      const name = `${folder}/pretrain_data.tfrecord-${i}-of-${counts.length}`;
      await Deno.writeFile(wrapped ? `${name}.gz` : name, wrapped ? gzipSync(bytes) : bytes);
    }
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function options(folder: string, more: Partial<LoaderOptions> = {}): LoaderOptions {
  return {
    files: `${folder}/pretrain_data.tfrecord*`,
    batchSize: 4,
    maxSeqLength: LENGTH,
    vocabSize: 1000,
    seed: 1,
    shuffleBuffer: 6,
    ...more,
  };
}

/** The numbers of the examples in a batch. */
function numbers(batch: ExampleBatch): number[] {
  return Array.from({ length: batch.examples }, (_, row) => batch.inputIds[row * LENGTH + 1]);
}

async function take(loader: ExampleLoader, count: number): Promise<number[][]> {
  const batches: number[][] = [];
  for (let i = 0; i < count; i++) batches.push(numbers(await loader.next()));
  return batches;
}

Deno.test("every epoch visits every example once, in an order of its own", async () => {
  await withFiles([5, 1, 9, 0, 3, 6], async (folder) => {
    const loader = new ExampleLoader(options(folder));
    assertEquals((await loader.open()).examples, 24);
    const epochs: number[][] = [];
    for (let epoch = 0; epoch < 3; epoch++) epochs.push((await take(loader, 6)).flat());
    await loader.close();
    const all = Array.from({ length: 24 }, (_, i) => 100 + i);
    for (const epoch of epochs) assertEquals(epoch.toSorted(), all);
    assertNotEquals(epochs[0], all);
    assertNotEquals(epochs[0], epochs[1]);
    assertNotEquals(epochs[1], epochs[2]);
  });
});

Deno.test("batches hold ids, mask and segments row by row, across epochs", async () => {
  await withFiles([3], async (folder) => {
    const loader = new ExampleLoader(options(folder));
    const batch = await loader.next();
    await loader.close();
    assertEquals(batch.examples, 4);
    for (let row = 0; row < 4; row++) {
      const number = numbers(batch)[row];
      const at = row * LENGTH;
      assertEquals([...batch.inputIds.slice(at, at + LENGTH)], [1, number, 1, 1, 1, 1, 1]);
      assertEquals([...batch.attentionMask.slice(at, at + LENGTH)], [1, 1, 1, 1, 1, 1, 0]);
      assertEquals([...batch.tokenTypeIds.slice(at, at + LENGTH)], [0, 0, 1, 0, 0, 0, 0]);
    }
    assertEquals(new Set(numbers(batch).slice(0, 3)).size, 3);
  });
});

Deno.test("the order depends on the seed alone, not on prefetching", async () => {
  await withFiles([8, 8, 8], async (folder) => {
    const orders: number[][][] = [];
    for (const more of [{ prefetch: 1 }, { prefetch: 5 }, { seed: 2 }]) {
      const loader = new ExampleLoader(options(folder, more));
      orders.push(await take(loader, 9));
      await loader.close();
    }
    assertEquals(orders[0], orders[1]);
    assertNotEquals(orders[0], orders[2]);
  });
});

Deno.test("seeking to any step gives exactly the batches that follow it", async () => {
  await withFiles([5, 1, 9, 0, 3, 6, 2], async (folder) => {
    const loader = new ExampleLoader(options(folder));
    const straight = await take(loader, 20);
    assertEquals(loader.position, 20);
    for (const step of [0, 1, 3, 5, 6, 7, 11, 13, 17, 19]) {
      await loader.seek(step);
      assertEquals(loader.position, step);
      const batch = await loader.next();
      assertEquals(batch.step, step);
      assertEquals(numbers(batch), straight[step], `step ${step}`);
      const rest = Math.min(3, 20 - step - 1);
      assertEquals(await take(loader, rest), straight.slice(step + 1, step + 1 + rest));
    }
    await loader.close();
    const fresh = new ExampleLoader(options(folder));
    await fresh.seek(12);
    assertEquals(await take(fresh, 8), straight.slice(12));
    await fresh.close();
  });
});

Deno.test("batches of another size go on at the example where the others ended", async () => {
  await withFiles([5, 1, 9, 0, 3, 6, 2], async (folder) => {
    const loader = new ExampleLoader(options(folder));
    const straight = (await take(loader, 20)).flat();
    assertEquals(loader.examples, 20 * 4);
    await loader.close();
    for (const batchSize of [1, 3, 8]) {
      const other = new ExampleLoader(options(folder, { batchSize }));
      await other.seek(7, 7 * 4);
      assertEquals([other.position, other.examples], [7, 28]);
      assertEquals((await take(other, 5)).flat(), straight.slice(28, 28 + 5 * batchSize));
      assertEquals([other.position, other.examples], [12, 28 + 5 * batchSize]);
      await other.close();
      assertEquals(
        (await take(other, 1)).flat(),
        straight.slice(28 + 5 * batchSize).slice(0, batchSize),
      );
      await other.close();
    }
  });
});

Deno.test("evaluation reads each example once in file order and says how many rows are real", async () => {
  await withFiles([3, 2, 2], async (folder) => {
    for (let round = 0; round < 2; round++) {
      const batches: ExampleBatch[] = [];
      for await (const batch of readBatches(options(folder))) batches.push(batch);
      assertEquals(batches.map(numbers), [[100, 101, 102, 103], [104, 105, 106]]);
      assertEquals(batches.map(({ step }) => step), [0, 1]);
      assertEquals([...batches[1].attentionMask.slice(3 * LENGTH)], new Array(LENGTH).fill(0));
    }
  });
});

Deno.test("several patterns are read as one set, files named twice once", async () => {
  await withFiles([2, 2, 2], async (folder) => {
    const files = `${folder}/*-0-of-3, ${folder}/pretrain_data.tfrecord-[01]-of-3`;
    const loader = new ExampleLoader(options(folder, { files }));
    assertEquals((await loader.open()).examples, 4);
  });
});

Deno.test("a missing folder and a pattern without files are named", async () => {
  await withFiles([1], async (folder) => {
    const open = (files: string): Promise<unknown> =>
      new ExampleLoader(options(folder, { files })).open();
    await assertRejects(() => open(`${folder}/no/x*`), PipelineError, "no: no such folder");
    await assertRejects(() => open(`${folder}/other*`), PipelineError, "other*: no file matches");
    await assertRejects(() => open(" , "), PipelineError, "no pattern names any file");
  });
});

Deno.test("files without a single example are an error, not an endless wait", async () => {
  await withFiles([0, 0], async (folder) => {
    await assertRejects(
      () => new ExampleLoader(options(folder)).next(),
      PipelineError,
      "hold no examples",
    );
  });
});

Deno.test("records that do not fit are refused with file and record", async () => {
  const cases: [Uint8Array, string][] = [
    [record(5, LENGTH + 1), "input_ids has 8 entries where max_seq_length is 7"],
    [record(1000), "input_ids holds 1000 at place 1, but the vocabulary has 1000 pieces"],
    [encodeExample({ input_ids: [1] }), "input_ids has 1 entries"],
    [encodeExample({ x: [1] }), "has no feature input_ids"],
    [Uint8Array.of(0x0a, 0x7f), "not a tf.Example"],
  ];
  for (const [bad, message] of cases) {
    await withFiles([], async (folder) => {
      await Deno.writeFile(`${folder}/pretrain_data.tfrecord-0-of-1`, file([record(1), bad]));
      const loader = new ExampleLoader(options(folder));
      const error = await assertRejects(() => loader.next(), PipelineError, message);
      await loader.close();
      assert(error.message.includes("pretrain_data.tfrecord-0-of-1: record 2 (at byte "));
    });
  }
});

Deno.test("a damaged record stops the loader with its place, and stops it again", async () => {
  await withFiles([3], async (folder) => {
    const path = `${folder}/pretrain_data.tfrecord-0-of-1`;
    const bytes = await Deno.readFile(path);
    bytes[bytes.length - 8] ^= 1;
    await Deno.writeFile(path, bytes);
    const loader = new ExampleLoader(options(folder));
    await assertRejects(() => loader.next(), PipelineError, "record 3 (at byte ");
    await assertRejects(() => loader.next(), PipelineError, "checksum of its data is wrong");
    await loader.close();
  });
});

Deno.test("folders may bear commas, spaces and brackets in their names", async () => {
  await withFiles([3], async (folder) => {
    const odd = `${folder}/a, b [c] 日本`;
    await Deno.mkdir(odd);
    await Deno.writeFile(`${odd}/x.tfrecord`, file([record(7), record(8)]));
    const open = async (files: string): Promise<number> =>
      (await new ExampleLoader(options(folder, { files })).open()).examples;
    assertEquals(await open(`${odd}/x*`), 2);
    assertEquals(await open(`${folder}/pretrain*, ${folder}/*-0-of-1`), 3);
  });
});

Deno.test("any seed, files and buffer: each epoch visits all once, each place is found again", () => {
  const random = new Random(8, "orders");
  for (let round = 0; round < 60; round++) {
    const counts = Array.from({ length: random.integer(1, 9) }, () => random.integer(0, 30));
    const total = counts.reduce((sum, count) => sum + count, 0);
    const bufferSize = random.integer(1, 50);
    const order = (): EpochOrder => new EpochOrder(counts, round, round % 3, bufferSize);
    const walk = (epoch: EpochOrder): string[] => {
      const seen: string[] = [];
      for (;;) {
        while (epoch.pull() !== undefined);
        const ref = epoch.draw();
        if (ref === undefined) return seen;
        seen.push(`${ref.file}:${ref.record}`);
      }
    };
    const straight = walk(order());
    assertEquals([straight.length, new Set(straight).size], [total, total]);
    const skip = random.integer(0, total);
    const resumed = order();
    resumed.skip(skip);
    assertEquals(walk(resumed), straight.slice(skip));
  }
});
