/** What is measured: pieces of a training step, with seeded data that every contender is given. */

import { normal } from "../kernels/harness.ts";

/** How a product's operands are stored: forward NT, input gradient NN, weight gradient TN. */
export type Layout = "NN" | "NT" | "TN";

/** C[m,n] = A·B. */
export interface MatmulWork {
  readonly kind: "matmul";
  readonly layout: Layout;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Softmax or layernorm over rows, forward and backward. */
export interface RowWork {
  readonly kind: "softmax" | "layernorm";
  readonly rows: number;
  readonly columns: number;
}

/** Self-attention, forward and backward, without dropout. */
export interface AttentionWork {
  readonly kind: "attention";
  readonly batch: number;
  readonly heads: number;
  readonly sequence: number;
  readonly headSize: number;
}

/**
 * A post-norm encoder layer under a scalar loss, forward and backward: the mean over tokens and columns of
 * the sigmoid cross-entropy against 0-1 labels.
 */
export interface LayerWork {
  readonly kind: "layer";
  readonly batch: number;
  readonly sequence: number;
  readonly hidden: number;
  readonly heads: number;
  readonly intermediate: number;
}

/** One line of the table. */
export type Work = MatmulWork | RowWork | AttentionWork | LayerWork;

/** A named array. */
export interface Named {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Arrays by name. */
export type Arrays = Readonly<Record<string, Named>>;

/** The layernorm epsilon that all use; large enough to be the same in all of them. */
export const EPSILON = 1e-6;

/** What a line is called. */
export function nameOf(work: Work): string {
  switch (work.kind) {
    case "matmul":
      return `matmul ${work.layout} ${work.m}×${work.n}×${work.k}`;
    case "softmax":
    case "layernorm":
      return `${work.kind} ${work.rows}×${work.columns}, forward + backward`;
    case "attention":
      return `attention ${work.batch}×${work.heads}×${work.sequence}×${work.headSize}, ` +
        "forward + backward";
    case "layer":
      return `encoder layer, hidden ${work.hidden}, sequence ${work.sequence}, batch ${work.batch}, ` +
        "forward + backward";
  }
}

/** ELECTRA-small's dense layers over 8 × 128 tokens, in the three products of a training step. */
function denseProducts(): MatmulWork[] {
  const tokens = 1024;
  const layers = [[768, 256], [256, 256], [1024, 256], [256, 1024]]; // outputs, inputs
  return layers.flatMap(([outputs, inputs]): MatmulWork[] => [
    { kind: "matmul", layout: "NT", m: tokens, n: outputs, k: inputs },
    { kind: "matmul", layout: "NN", m: tokens, n: inputs, k: outputs },
    { kind: "matmul", layout: "TN", m: outputs, n: inputs, k: tokens },
  ]);
}

/** All lines, in the order of the table. */
export const WORKS: readonly Work[] = [
  ...(["NN", "NT", "TN"] as const).map((layout): Work => ({
    kind: "matmul",
    layout,
    m: 512,
    n: 512,
    k: 512,
  })),
  ...denseProducts(),
  { kind: "softmax", rows: 4096, columns: 128 },
  { kind: "layernorm", rows: 1024, columns: 256 },
  { kind: "attention", batch: 8, heads: 4, sequence: 128, headSize: 64 },
  { kind: "layer", batch: 8, sequence: 128, hidden: 256, heads: 4, intermediate: 1024 },
];

/**
 * Seeded inputs of a piece of work. Dense weights are [in, out]; attention takes q, k and v as [batch,
 * heads, sequence, headSize]. Contenders may store them as suits them.
 */
export function inputsOf(work: Work): Arrays {
  let seed = 1;
  const named = (shape: readonly number[], scale = 1, shift = 0): Named => {
    const data = normal(shape.reduce((a, b) => a * b, 1), seed++, scale);
    return { shape, data: shift === 0 ? data : data.map((value) => value + shift) };
  };
  switch (work.kind) {
    case "matmul": {
      const { layout, m, n, k } = work;
      return {
        a: named(layout[0] === "T" ? [k, m] : [m, k]),
        b: named(layout[1] === "T" ? [n, k] : [k, n]),
      };
    }
    case "softmax":
      return {
        x: named([work.rows, work.columns]),
        outputGradient: named([work.rows, work.columns]),
      };
    case "layernorm":
      return {
        x: named([work.rows, work.columns]),
        weight: named([work.columns], 0.1, 1),
        bias: named([work.columns], 0.1),
        outputGradient: named([work.rows, work.columns]),
      };
    case "attention": {
      const shape = [work.batch, work.heads, work.sequence, work.headSize];
      return {
        q: named(shape),
        k: named(shape),
        v: named(shape),
        outputGradient: named(shape),
      };
    }
    case "layer": {
      const { hidden, intermediate } = work;
      const tokens = work.batch * work.sequence;
      const labels = named([tokens, hidden]);
      const dense = (inputs: number, outputs: number): Named =>
        named([inputs, outputs], 1 / Math.sqrt(inputs));
      return {
        x: named([tokens, hidden]),
        queryKeyValue: dense(hidden, 3 * hidden),
        queryKeyValueBias: named([3 * hidden], 0.1),
        attentionOutput: dense(hidden, hidden),
        attentionOutputBias: named([hidden], 0.1),
        attentionNorm: named([hidden], 0.1, 1),
        attentionNormBias: named([hidden], 0.1),
        intermediate: dense(hidden, intermediate),
        intermediateBias: named([intermediate], 0.1),
        output: dense(intermediate, hidden),
        outputBias: named([hidden], 0.1),
        outputNorm: named([hidden], 0.1, 1),
        outputNormBias: named([hidden], 0.1),
        labels: { shape: labels.shape, data: labels.data.map((value) => value > 0 ? 1 : 0) },
      };
    }
  }
}

/** The inputs of a layer that have gradients: all but the labels. */
export const LAYER_VARIABLES = [
  "x",
  "queryKeyValue",
  "queryKeyValueBias",
  "attentionOutput",
  "attentionOutputBias",
  "attentionNorm",
  "attentionNormBias",
  "intermediate",
  "intermediateBias",
  "output",
  "outputBias",
  "outputNorm",
  "outputNormBias",
] as const;

/** The group of a line, by which `--only` chooses. */
export function groupOf(work: Work): Work["kind"] {
  return work.kind;
}
