import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert/mod.js";
import {
  findParameters,
  fromTensorFlow,
  SLOTS,
  tensorFlowName,
  toTensorFlow,
} from "../../../model/electra/tensorflow.ts";
import { ModelError } from "../../../model/errors.ts";
import {
  type BundleFiles,
  encodeBundle,
  readBundleIndex,
  type ReadShard,
  readVariables,
  shardFile,
  sliceKey,
} from "../../../model/files/tensorflow/bundle.ts";
import { readTable, writeTable } from "../../../model/files/tensorflow/table.ts";
import { asFloat32, type SafeTensor, safeTensor } from "../../../model/files/safetensors.ts";
import { maskedCrc32c } from "../../../pipeline/wire/crc32c.ts";
import { WireWriter } from "../../../pipeline/wire/protobuf.ts";
import { randomWeights } from "../random_weights.ts";
import { smallHparams } from "../small_electra.ts";

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function reader(data: Uint8Array): ReadShard {
  return (shard, offset, size) => {
    assertEquals(shard, 0);
    return Promise.resolve(data.subarray(offset, offset + size));
  };
}

async function readAll(files: BundleFiles): Promise<Map<string, SafeTensor>> {
  const index = readBundleIndex(files.index, "m.index");
  return await readVariables(index, index.variables.keys(), reader(join(files.data)), "m");
}

function small(): Map<string, SafeTensor> {
  return new Map([
    ["electra/embeddings/word_embeddings", safeTensor(Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2])],
    [
      "electra/embeddings/word_embeddings/adam_m",
      safeTensor(Float32Array.of(6, 5, 4, 3, 2, 1), [3, 2]),
    ],
    ["global_step", {
      dtype: "I64",
      shape: [],
      bytes: new Uint8Array(BigInt64Array.of(7n).buffer),
    }],
    ["empty", safeTensor(new Float32Array(0), [0, 4])],
  ]);
}

Deno.test("an index is laid out byte for byte as the format's description says", () => {
  // One entry: key "ab", value 1, 2, 3. Block: shared 0, rest 2, size 3, then one restart at 0.
  const block = [0, 2, 3, 97, 98, 1, 2, 3, 0, 0, 0, 0, 1, 0, 0, 0];
  const trailer = (bytes: number[]): number[] => {
    const whole = Uint8Array.from([...bytes, 0]);
    return [0, ...new Uint8Array(Uint32Array.of(maskedCrc32c(whole)).buffer)];
  };
  const empty = [0, 0, 0, 0, 1, 0, 0, 0];
  // The index: key "ab", value: the block's offset 0 and its 16 bytes.
  const index = [0, 2, 2, 97, 98, 0, 16, 0, 0, 0, 0, 1, 0, 0, 0];
  const footer = [21, 8, 34, 15, ...new Array(36).fill(0)];
  const magic = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb];
  assertEquals([...writeTable(new Map([["ab", Uint8Array.of(1, 2, 3)]]))], [
    ...block,
    ...trailer(block),
    ...empty,
    ...trailer(empty),
    ...index,
    ...trailer(index),
    ...footer,
    ...magic,
  ]);
});

Deno.test("tables of many blocks give back every entry, keys cut at any length", () => {
  const entries = new Map<string, Uint8Array>();
  for (let i = 0; i < 1000; i++) {
    entries.set(`layer_${i % 37}/${"x".repeat(i % 300)}/${i}`, Uint8Array.of(i & 255, i >> 8));
  }
  for (const blockBytes of [1, 100, 4096, 1 << 18]) {
    const read = readTable(writeTable(entries, blockBytes), "t");
    assertEquals([...read.keys()], [...entries.keys()].sort());
    for (const [key, value] of entries) assertEquals([...read.get(key)!], [...value]);
  }
});

Deno.test("variables come back with type, shape and bytes", async () => {
  const read = await readAll(encodeBundle(small()));
  assertEquals([...read.keys()].sort(), [...small().keys()].sort());
  for (const [name, { dtype, shape, bytes }] of small()) {
    const tensor = read.get(name)!;
    assertEquals([tensor.dtype, tensor.shape, [...tensor.bytes]], [dtype, shape, [...bytes]]);
  }
  assertEquals(shardFile("model.ckpt-7", 0, 1), "model.ckpt-7.data-00000-of-00001");
});

Deno.test("each bit of an index turned and each cut give an error that names the file, or the right values", async () => {
  const files = encodeBundle(small(), 60);
  const right = await readAll(files);
  let refused = 0;
  const attempt = async (index: Uint8Array<ArrayBuffer>): Promise<void> => {
    try {
      const read = await readAll({ ...files, index });
      for (const [name, tensor] of read) assertEquals(tensor, right.get(name));
      assertEquals(read.size, right.size);
    } catch (error) {
      assert(error instanceof ModelError, String(error));
      assert(error.message.startsWith("m"), error.message);
      refused++;
    }
  };
  for (let bit = 0; bit < 8 * files.index.length; bit++) {
    const index = files.index.slice();
    index[bit >> 3] ^= 1 << (bit & 7);
    await attempt(index);
  }
  // All but the padding of the footer matters.
  assert(refused > 8 * (files.index.length - 40), `${refused} refused`);
  for (let length = 0; length < files.index.length; length++) {
    await attempt(files.index.slice(0, length));
  }
});

Deno.test("damaged data is refused by the variable's name", async () => {
  const files = encodeBundle(small());
  const index = readBundleIndex(files.index, "m.index");
  const data = join(files.data);
  const { offset } = index.variables.get("global_step")!;
  data[offset] ^= 1;
  await assertRejects(
    () => readVariables(index, ["global_step"], reader(data), "m"),
    ModelError,
    "m: the checksum of global_step does not match",
  );
  await assertRejects(
    () => readVariables(index, ["x"], reader(data), "m"),
    ModelError,
    "no variable x",
  );
  assertThrows(
    () => readBundleIndex(new Uint8Array(100), "weights.h5"),
    ModelError,
    "weights.h5: no TensorFlow index",
  );
});

/** A hand-made checkpoint of one variable [3, 4] that lies in slices. */
function sliced(slices: readonly (readonly [number, number, number, number])[]): BundleFiles {
  const whole = Float32Array.from({ length: 12 }, (_, i) => i + 0.5);
  const shape = new WireWriter().message(2, new WireWriter().varint(1, 3))
    .message(2, new WireWriter().varint(1, 4));
  const entry = new WireWriter().varint(1, 1).message(2, shape);
  const entries = new Map<string, Uint8Array>([["", new WireWriter().varint(1, 1).finish()]]);
  const data: Uint8Array[] = [];
  let offset = 0;
  for (const [row, rows, column, columns] of slices) {
    const extents = [{ start: row, length: rows }, { start: column, length: columns }];
    const slice = new WireWriter();
    for (const { start, length } of extents) {
      const extent = new WireWriter();
      if (start > 0) extent.varint(1, start);
      if (length >= 0) extent.varint(2, length);
      slice.message(1, extent);
    }
    entry.message(7, slice);
    const values: number[] = [];
    for (let r = row; r < row + (rows < 0 ? 3 : rows); r++) {
      for (let c = column; c < column + (columns < 0 ? 4 : columns); c++) {
        values.push(whole[4 * r + c]);
      }
    }
    const bytes = new Uint8Array(Float32Array.from(values).buffer);
    const part = new WireWriter().varint(1, 1).message(
      2,
      new WireWriter().message(2, new WireWriter().varint(1, bytes.length / 4)),
    ).varint(4, offset).varint(5, bytes.length).fixed32(6, maskedCrc32c(bytes));
    entries.set(sliceKey("v", extents), part.finish());
    data.push(bytes);
    offset += bytes.length;
  }
  entries.set("v", entry.finish());
  return { index: writeTable(entries), data };
}

Deno.test("a variable in slices is put together, by rows, by columns and by boxes", async () => {
  const whole = Float32Array.from({ length: 12 }, (_, i) => i + 0.5);
  for (
    const slices of [
      [[0, 2, 0, -1], [2, 1, 0, -1]],
      [[0, -1, 0, 1], [0, -1, 1, 3]],
      [[0, 1, 0, 2], [0, 1, 2, 2], [1, 2, 0, 3], [1, 2, 3, 1]],
    ] as const
  ) {
    const read = await readAll(sliced(slices));
    assertEquals(asFloat32("v", read.get("v")!), whole);
  }
  await assertRejects(
    () => readAll(sliced([[0, 2, 0, -1]])),
    ModelError,
    "hold 32 of its 48 bytes",
  );
});

Deno.test("keys of slices are in TensorFlow's order-preserving code", () => {
  const hex = (key: string): string =>
    Array.from(key, (c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join(" ");
  // A zero, the name and its end, two dimensions, then start and length of each.
  assertEquals(
    hex(sliceKey("v", [{ start: 0, length: -1 }, { start: 64, length: 63 }])),
    "00 76 00 01 01 02 80 7f c0 40 bf",
  );
  assertEquals(hex(sliceKey("", [{ start: 8191, length: 8192 }])), "00 00 01 01 01 df ff e0 20 00");
});

Deno.test("names are those of google-research/electra", () => {
  const cases: [string, string][] = [
    [
      "discriminator.electra.embeddings.word_embeddings.weight",
      "electra/embeddings/word_embeddings",
    ],
    ["discriminator.electra.embeddings.LayerNorm.weight", "electra/embeddings/LayerNorm/gamma"],
    ["discriminator.electra.embeddings_project.bias", "electra/embeddings_project/bias"],
    [
      "discriminator.electra.encoder.layer.11.attention.self.query.weight",
      "electra/encoder/layer_11/attention/self/query/kernel",
    ],
    [
      "generator.electra.encoder.layer.0.output.LayerNorm.bias",
      "generator/encoder/layer_0/output/LayerNorm/beta",
    ],
    ["generator.electra.embeddings_project.weight", "generator/embeddings_project/kernel"],
    ["generator.generator_predictions.LayerNorm.weight", "generator_predictions/LayerNorm/gamma"],
    ["generator.generator_predictions.dense.weight", "generator_predictions/dense/kernel"],
    ["generator.generator_lm_head.bias", "generator_predictions/output_bias"],
    ["discriminator.discriminator_predictions.dense.bias", "discriminator_predictions/dense/bias"],
    [
      "discriminator.discriminator_predictions.dense_prediction.weight",
      "discriminator_predictions/dense_1/kernel",
    ],
  ];
  for (const [ours, theirs] of cases) assertEquals(tensorFlowName(ours).name, theirs);
});

Deno.test("a model with its moments and step goes to TensorFlow's layout and comes back the same", async () => {
  const parameters = randomWeights(smallHparams(), 3);
  const moments = new Map(
    [...parameters].flatMap(([name, { shape, bytes }], i) =>
      SLOTS.map((slot, k): [string, SafeTensor] => [
        `${name}/${slot}`,
        safeTensor(new Float32Array(bytes.slice().buffer).map((value) => value * (i + k)), shape),
      ])
    ),
  );
  const variables = toTensorFlow({ parameters, moments, step: 123_456 });
  const kernel = variables.get("electra/embeddings_project/kernel")!;
  assertEquals(kernel.shape, [24, 40]);
  const read = await readAll(encodeBundle(variables));
  const names = findParameters(read, "m");
  const state = fromTensorFlow(names, read);
  assertEquals(state.step, 123_456);
  for (const kind of ["parameters", "moments"] as const) {
    const [actual, wanted] = [state[kind], { parameters, moments }[kind]];
    assertEquals([...actual.keys()].sort(), [...wanted.keys()].sort());
    for (const [name, { shape, bytes }] of wanted) {
      assertEquals(actual.get(name)!.shape, shape, name);
      assertEquals([...actual.get(name)!.bytes], [...bytes], name);
    }
  }
  assertThrows(() => findParameters(new Map(), "m"), ModelError, "m holds no ELECTRA");
});
