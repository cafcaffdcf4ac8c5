import { assert, assertEquals, assertThrows } from "@std/assert/mod.js";
import { add } from "../../kernels/elementwise/elementwise.ts";
import { bytesPerElement } from "../../kernels/launch.ts";
import { planMemory } from "../../model/autograd/memory.ts";
import { Plan } from "../../model/autograd/plan.ts";
import { readBuffer } from "../../model/autograd/readback.ts";
import { Tape } from "../../model/autograd/tape.ts";
import type { Tensor } from "../../model/autograd/tensor.ts";
import { ModelError } from "../../model/errors.ts";
import { linear } from "../../model/ops/linear.ts";
import { sigmoidCrossEntropy } from "../../model/ops/sigmoid_cross_entropy.ts";
import {
  vocabularyChunks,
  vocabularyCrossEntropy,
} from "../../model/ops/vocabulary_cross_entropy.ts";
import { ParameterStore } from "../../model/parameters/store.ts";
import { assertClose, normal, testGpu } from "../kernels/harness.ts";

const constant = { kind: "constant", value: 0 } as const;

function declare(store: ParameterStore, name: string, shape: readonly number[]): Tensor {
  return store.declare({ name, shape, initializer: constant, decays: true }).value;
}

/** Gradients of hidden, table and bias of a vocabulary head whose logits come in chunks of some size. */
async function headGradients(chunkBytes: number): Promise<Record<string, Float32Array>> {
  const rows = 6, columns = 8, vocabulary = 301;
  const gpu = await testGpu();
  const store = new ParameterStore();
  const hidden = declare(store, "hidden", [rows, columns]);
  const table = declare(store, "table", [vocabulary, columns]);
  const bias = declare(store, "bias", [vocabulary]);
  store.allocate(gpu, { moments: [] });
  [[rows * columns, 1], [vocabulary * columns, 2], [vocabulary, 3]].forEach(([count, seed], i) =>
    store.write(store.parameters[i], "parameters", Float32Array.from(normal(count, seed)))
  );
  const tape = new Tape({ training: true });
  const targets = tape.input("targets", [rows], "u32");
  const weights = tape.input("weights", [rows], "f32");
  const options = { chunkBytes, sample: true, temperature: 1, disallowCorrect: false };
  const normalizer = tape.input("normaliser", [1], "f32");
  const weighting = { weights, normalizer };
  const head = vocabularyCrossEntropy(tape, hidden, table, bias, targets, weighting, options);
  tape.keep(head.loss);
  tape.keep(head.sampledIds);
  tape.backward([{ loss: head.loss, weight: 3 }], (value) => store.gradientOf(value));
  const plan = await Plan.compile(gpu, tape, store);
  plan.write(targets, Uint32Array.of(0, 300, 64, 63, 150, 7));
  plan.write(weights, Float32Array.of(1, 1, 0, 1, 1, 1));
  plan.write(normalizer, Float32Array.of(1 / 5));
  plan.write(tape.stepState, Uint32Array.of(1, 1, 0, 0x3f800000));
  plan.run();
  const read = async (tensor: Tensor): Promise<ArrayBuffer> => {
    const { buffer, offset } = plan.location(tensor);
    return await readBuffer(gpu, buffer, offset, tensor.elements * 4);
  };
  const gradients = await store.readAll("gradients");
  const results = {
    loss: new Float32Array(await read(head.loss)),
    sampled: Float32Array.from(new Uint32Array(await read(head.sampledIds))),
    hidden: gradients.get(store.parameters[0])!,
    table: gradients.get(store.parameters[1])!,
    bias: gradients.get(store.parameters[2])!,
  };
  plan.destroy();
  store.destroy();
  return results;
}

Deno.test("the vocabulary in chunks gives the loss, samples and gradients of the vocabulary in one", async () => {
  const whole = await headGradients(1 << 20);
  for (const pieces of [64, 128, 192]) {
    const chunked = await headGradients(4 * 6 * pieces);
    for (const name of Object.keys(whole)) {
      assertClose(chunked[name], whole[name], 2e-6, `${name} in chunks of ${pieces}`);
    }
  }
});

Deno.test("vocabulary chunks cover all pieces, aligned, within their bytes", () => {
  for (const [rows, vocabulary, bytes] of [[80, 32_000, 1 << 20], [5, 3001, 1 << 14], [1, 7, 64]]) {
    const chunks = vocabularyChunks(rows, vocabulary, bytes);
    let next = 0;
    for (const { start, count } of chunks) {
      assertEquals(start, next);
      assertEquals(start % 64, 0);
      assert(4 * rows * count <= bytes);
      next += count;
    }
    assertEquals(next, vocabulary);
  }
  assertThrows(() => vocabularyChunks(1000, 32_000, 1000), ModelError, "smaller batch");
});

Deno.test("asking for the gradient of what has none names the operation", () => {
  const tape = new Tape({ training: true });
  const a = tape.input("a", [4], "f32"), sum = tape.activation("sum", [4]);
  tape.run("plain addition", add({ elements: 4 }), { a, b: a, output: sum });
  const ask = (loss: Tensor) => () => tape.backward([{ loss, weight: 1 }], (value) => value);
  assertThrows(ask(sum), ModelError, "plain addition has no gradient");
  assertThrows(ask(tape.activation("nothing", [1])), ModelError, "no operation of this tape");
});

Deno.test("differentiating through an operation without a rule names it", () => {
  const store = new ParameterStore();
  const weight = declare(store, "weight", [4, 4]), bias = declare(store, "bias", [4]);
  const tape = new Tape({ training: true });
  const x = linear(tape, tape.input("x", [2, 4], "f32"), { weight, bias });
  const y = tape.activation("doubled", [2, 4]);
  tape.run("doubling", add({ elements: 8 }), { a: x, b: x, output: y });
  tape.differentiate("doubling", [x], [y]);
  const labels = tape.input("labels", [8], "f32");
  const normalizer = tape.input("normaliser", [1], "f32");
  const loss = sigmoidCrossEntropy(tape, y, labels, { weights: labels, normalizer });
  assertThrows(
    () => tape.backward([{ loss, weight: 1 }], (value) => store.gradientOf(value)),
    ModelError,
    "cannot differentiate through doubling",
  );
});

Deno.test("mismatched shapes name the operation and both shapes", () => {
  const store = new ParameterStore();
  const weight = declare(store, "some.weight", [5, 3]), bias = declare(store, "some.bias", [5]);
  const tape = new Tape({ training: true });
  const error = assertThrows(
    () => linear(tape, tape.input("tokens", [2, 4], "f32"), { weight, bias }),
    ModelError,
  );
  for (const part of ["linear", "tokens [2×4]", "some.weight [5×3]"]) {
    assert(error.message.includes(part), error.message);
  }
  const a = tape.input("a", [4], "f32");
  assertThrows(
    () => tape.run("addition", add({ elements: 5 }), { a, b: a, output: a }),
    ModelError,
    "addition: a wants 5 elements of f32",
  );
});

Deno.test("activations share memory by lifetime, and never while both live", () => {
  const tape = new Tape({ training: true });
  let x = tape.input("x", [64], "f32");
  const kept = x;
  const chain: Tensor[] = [];
  for (let i = 0; i < 10; i++) {
    const y = tape.activation(`y${i}`, [64]);
    tape.run("step", add({ elements: 64 }), { a: x, b: kept, output: y });
    chain.push(y);
    x = y;
  }
  const buffers = planMemory(tape.dispatches, tape.kept);
  assertEquals(buffers.length, 3, "an input and two buffers in turn");
  for (const { bytes, tensors } of buffers) {
    assertEquals(bytes, 64 * bytesPerElement("f32"));
    for (const tensor of tensors) {
      const next = chain[chain.indexOf(tensor) + 1];
      if (next) assert(!tensors.includes(next), "a dispatch would read and write one buffer");
    }
  }
  tape.keep(chain[0]);
  assertEquals(planMemory(tape.dispatches, tape.kept).length, 4);
});
