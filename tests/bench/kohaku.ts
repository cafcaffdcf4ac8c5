/** Our own kernels, run as the trainer runs them: a recorded tape, compiled into a plan. */

import type { Gpu } from "../../kernels/device.ts";
import { attentionBackward, attentionForward } from "../../kernels/attention/attention.ts";
import type { DType } from "../../kernels/launch.ts";
import type { MatmulSpec } from "../../kernels/matmul/spec.ts";
import { layerNormBackward, layerNormForward } from "../../kernels/layernorm/layernorm.ts";
import { softmaxBackward, softmaxForward } from "../../kernels/softmax/softmax.ts";
import { Plan } from "../../model/autograd/plan.ts";
import { readBuffer } from "../../model/autograd/readback.ts";
import { type MatmulChooser, Tape } from "../../model/autograd/tape.ts";
import { Tensor } from "../../model/autograd/tensor.ts";
import { discriminatorConfig, resolveHparams } from "../../model/electra/config.ts";
import type { EncoderConfig } from "../../model/transformer/config.ts";
import { transformerLayer } from "../../model/transformer/encoder.ts";
import { sigmoidCrossEntropy } from "../../model/ops/sigmoid_cross_entropy.ts";
import { matmulOn } from "../../model/ops/matmul.ts";
import { type Contender, type Runner, transpose } from "./contender.ts";
import {
  type Arrays,
  type AttentionWork,
  EPSILON,
  inputsOf,
  LAYER_VARIABLES,
  type LayerWork,
  type RowWork,
  type Work,
} from "./work.ts";

/** Kohaku on a device, its matrix products as the tuner chose them. */
export function kohakuContender(
  gpu: Gpu,
  version: string,
  chooseMatmul: MatmulChooser | undefined,
): Contender {
  return {
    name: "Kohaku",
    version,
    prepare: (work, inputs) => prepare(gpu, work, inputs, chooseMatmul),
  };
}

/** The matrix products in a piece of work, so that they can be tuned before it is measured. */
export function matmulsOfWork(gpu: Gpu, work: Work): MatmulSpec[] {
  const specs: MatmulSpec[] = [];
  record(gpu, work, inputsOf(work), (spec) => {
    specs.push(spec);
    return undefined;
  });
  return specs;
}

/** A tape, what the host writes into it, and what it reads: a result may need its layout restored. */
interface Recording {
  readonly tape: Tape;
  readonly writes: readonly (readonly [Tensor, Float32Array | Uint32Array])[];
  readonly results: Readonly<Record<string, Result>>;
}

interface Result {
  readonly tensor: Tensor;
  readonly restore?: (data: Float32Array<ArrayBuffer>) => Float32Array;
}

async function prepare(
  gpu: Gpu,
  work: Work,
  inputs: Arrays,
  chooseMatmul: MatmulChooser | undefined,
): Promise<Runner> {
  const { tape, writes, results } = record(gpu, work, inputs, chooseMatmul);
  for (const { tensor } of Object.values(results)) tape.keep(tensor);
  const plan = await Plan.compile(gpu, tape, {
    locate: (tensor) => {
      throw new Error(`${tensor} is no parameter`);
    },
  });
  for (const [tensor, data] of writes) plan.write(tensor, data);
  return {
    run: () => plan.run(),
    finish: () => gpu.device.queue.onSubmittedWorkDone(),
    results: async () => {
      const read: Record<string, Float32Array> = {};
      for (const [name, { tensor, restore }] of Object.entries(results)) {
        const { buffer, offset } = plan.location(tensor);
        const bytes = 4 * tensor.elements;
        const data = new Float32Array(await readBuffer(gpu, buffer, offset, bytes));
        read[name] = restore ? restore(data) : data;
      }
      return read;
    },
    dispose: () => plan.destroy(),
  };
}

function record(
  gpu: Gpu,
  work: Work,
  inputs: Arrays,
  chooseMatmul: MatmulChooser | undefined,
): Recording {
  const { subgroupSize, subgroupMatrices } = gpu.features;
  const tape = new Tape({ training: true, subgroupSize, subgroupMatrices, chooseMatmul });
  switch (work.kind) {
    case "matmul": {
      const { m, n, k, layout } = work;
      const { tensors, writes } = declare(tape, inputs);
      const output = tape.activation("product", [m, n]);
      const program = matmulOn(tape, { m, n, k, layout });
      tape.run("matmul", program, { a: tensors.a, b: tensors.b, c: output });
      return { tape, writes, results: { output: { tensor: output } } };
    }
    case "softmax":
      return softmax(tape, work, inputs);
    case "layernorm":
      return layerNorm(tape, work, inputs);
    case "attention":
      return attention(tape, work, inputs);
    case "layer":
      return layer(tape, work, inputs);
  }
}

/** An input of the tape for each array. */
function declare(
  tape: Tape,
  arrays: Arrays,
): { tensors: Record<string, Tensor>; writes: [Tensor, Float32Array][] } {
  const tensors: Record<string, Tensor> = {}, writes: [Tensor, Float32Array][] = [];
  for (const [name, { shape, data }] of Object.entries(arrays)) {
    writes.push([tensors[name] = tape.input(name, shape, "f32"), data]);
  }
  return { tensors, writes };
}

function softmax(tape: Tape, { rows, columns }: RowWork, inputs: Arrays): Recording {
  const { tensors: { x, outputGradient }, writes } = declare(tape, inputs);
  const spec = { rows, columns, subgroupSize: tape.subgroupSize };
  const output = tape.activation("output", [rows, columns]);
  const inputGradient = tape.activation("gradient", [rows, columns]);
  tape.run("softmax", softmaxForward(spec), {
    input: x,
    output,
  });
  tape.run("softmax backward", softmaxBackward(spec), {
    output,
    outputGradient,
    inputGradient,
  });
  return { tape, writes, results: { output: { tensor: output }, x: { tensor: inputGradient } } };
}

function layerNorm(tape: Tape, { rows, columns }: RowWork, inputs: Arrays): Recording {
  const { tensors: { x, weight, bias, outputGradient }, writes } = declare(tape, inputs);
  const { subgroupSize } = tape;
  const spec = { rows, columns, epsilon: EPSILON, residual: false, subgroupSize };
  const make = (name: string, shape: number[]): Tensor => tape.activation(name, shape);
  const output = make("output", [rows, columns]);
  const statistics = make("statistics", [rows, 2]);
  const hiddenGradient = make("gradient", [rows, columns]);
  const weightGradient = make("weight gradient", [columns]);
  const biasGradient = make("bias gradient", [columns]);
  tape.run("layernorm", layerNormForward(spec), { hidden: x, weight, bias, output, statistics });
  tape.run("layernorm backward", layerNormBackward(spec), {
    outputGradient,
    sum: x,
    weight,
    statistics,
    hiddenGradient,
    weightGradient,
    biasGradient,
  });
  return {
    tape,
    writes,
    results: {
      output: { tensor: output },
      x: { tensor: hiddenGradient },
      weight: { tensor: weightGradient },
      bias: { tensor: biasGradient },
    },
  };
}

function attention(tape: Tape, work: AttentionWork, inputs: Arrays): Recording {
  const { batch, heads, sequence, headSize } = work;
  const tokens = batch * sequence, hidden = heads * headSize;
  const spec = { ...work, subgroupSize: tape.subgroupSize };
  const input = (name: string, shape: number[], dtype: DType = "f32"): Tensor =>
    tape.input(name, shape, dtype);
  const qkv = input("qkv", [tokens, 3 * hidden]);
  const attentionMask = input("mask", [batch, sequence], "u32");
  const contextGradient = input("context gradient", [tokens, hidden]);
  const context = tape.activation("context", [tokens, hidden]);
  const logSumExp = tape.activation("log-sum-exp", [batch, heads, sequence]);
  const qkvGradient = tape.activation("qkv gradient", [tokens, 3 * hidden]);
  tape.run("attention", attentionForward(spec), { qkv, attentionMask, context, logSumExp });
  tape.run("attention backward", attentionBackward(spec), {
    contextGradient,
    qkv,
    context,
    logSumExp,
    attentionMask,
    qkvGradient,
  });
  const joined = new Float32Array(qkv.elements);
  ["q", "k", "v"].forEach((name, part) =>
    placeHeads(work, inputs[name].data, joined, part * hidden, 3 * hidden)
  );
  const gradient = new Float32Array(tokens * hidden);
  placeHeads(work, inputs.outputGradient.data, gradient, 0, hidden);
  const part = (tensor: Tensor, at: number): Result => ({
    tensor,
    restore: (data) => takeHeads(work, data, at * hidden, tensor.columns),
  });
  return {
    tape,
    writes: [
      [qkv, joined],
      [attentionMask, new Uint32Array(tokens).fill(1)],
      [contextGradient, gradient],
    ],
    results: {
      output: part(context, 0),
      q: part(qkvGradient, 0),
      k: part(qkvGradient, 1),
      v: part(qkvGradient, 2),
    },
  };
}

/** For each element of [batch, heads, sequence, headSize], its place in rows of tokens. */
function* headPlaces(
  { batch, heads, sequence, headSize }: AttentionWork,
  firstColumn: number,
  rowStride: number,
): Generator<number> {
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let s = 0; s < sequence; s++) {
        const row = (b * sequence + s) * rowStride + firstColumn + h * headSize;
        for (let d = 0; d < headSize; d++) yield row + d;
      }
    }
  }
}

function placeHeads(
  work: AttentionWork,
  heads: Float32Array,
  rows: Float32Array,
  firstColumn: number,
  rowStride: number,
): void {
  let i = 0;
  for (const place of headPlaces(work, firstColumn, rowStride)) rows[place] = heads[i++];
}

function takeHeads(
  work: AttentionWork,
  rows: Float32Array,
  firstColumn: number,
  rowStride: number,
): Float32Array {
  return Float32Array.from(headPlaces(work, firstColumn, rowStride), (place) => rows[place]);
}

/** Names of the layer's matrices, which we store [out, in]. */
const MATRICES = ["queryKeyValue", "attentionOutput", "intermediate", "output"];

function layer(tape: Tape, work: LayerWork, inputs: Arrays): Recording {
  const tokens = work.batch * work.sequence;
  const writes: [Tensor, Float32Array | Uint32Array][] = [];
  const tensors: Record<string, Tensor> = {};
  for (const name of LAYER_VARIABLES) {
    const { shape, data } = inputs[name];
    const matrix = MATRICES.includes(name);
    const stored = matrix ? shape.toReversed() : shape;
    tensors[name] = new Tensor(name, stored, "f32", "input", true);
    writes.push([tensors[name], matrix ? transpose(data, shape[0], shape[1]) : data]);
  }
  const attentionMask = tape.input("mask", [work.batch, work.sequence], "u32");
  const labels = tape.input("labels", [tokens * work.hidden], "f32");
  const weights = tape.input("weights", [tokens * work.hidden], "f32");
  const state = new Uint32Array(4);
  new Float32Array(state.buffer)[3] = 1; // the loss scale
  writes.push([tape.stepState, state]);
  writes.push([attentionMask, new Uint32Array(tokens).fill(1)]);
  writes.push([labels, inputs.labels.data]);
  writes.push([weights, new Float32Array(weights.elements).fill(1)]);
  const dense = (name: string) => ({ weight: tensors[name], bias: tensors[`${name}Bias`] });
  const output = transformerLayer(
    tape,
    layerConfig(work),
    {
      queryKeyValue: dense("queryKeyValue"),
      attentionOutput: dense("attentionOutput"),
      attentionLayerNorm: dense("attentionNorm"),
      intermediate: dense("intermediate"),
      output: dense("output"),
      outputLayerNorm: dense("outputNorm"),
    },
    tensors.x,
    attentionMask,
  );
  const normalizer = tape.input("normaliser", [1], "f32");
  writes.push([normalizer, Float32Array.of(1 / weights.elements)]);
  const loss = sigmoidCrossEntropy(tape, output, labels, { weights, normalizer });
  const gradients = tape.backward([{ loss, weight: 1 }], (tensor) => {
    throw new Error(`${tensor} is no parameter`);
  });
  const results: Record<string, Result> = {
    loss: { tensor: loss, restore: (data) => data.subarray(0, 1) },
  };
  for (const name of LAYER_VARIABLES) {
    const [outputs, inputs] = tensors[name].shape;
    results[name] = {
      tensor: gradients.of(tensors[name]),
      ...(MATRICES.includes(name) ? { restore: (data) => transpose(data, outputs, inputs) } : {}),
    };
  }
  return { tape, writes, results };
}

function layerConfig({ hidden, heads, intermediate }: LayerWork): EncoderConfig {
  const { hparams } = resolveHparams({
    model_hparam_overrides: {
      hidden_size: hidden,
      num_attention_heads: heads,
      intermediate_size: intermediate,
      hidden_dropout_prob: 0,
      attention_probs_dropout_prob: 0,
    },
  });
  return { ...discriminatorConfig(hparams), layerNormEpsilon: EPSILON };
}
