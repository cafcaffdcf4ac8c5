/**
 * Dense layers. Weights are stored [out, in], as in the Hugging Face layout.
 *
 * @module
 */
import { multiply } from "../../kernels/elementwise/elementwise.ts";
import type { MatmulSpec } from "../../kernels/matmul/spec.ts";
import { matmulOn } from "./matmul.ts";
import { columnSum } from "../../kernels/reduce/column_sum.ts";
import type { Gradients, Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { ModelError } from "../errors.ts";

/** Weight and bias of a dense layer. */
export interface DenseWeights {
  /** [out, in] */
  readonly weight: Tensor;
  /** [out] */
  readonly bias: Tensor;
}

function requireFit(operation: string, input: Tensor, { weight, bias }: DenseWeights): void {
  const [outputs, inputs] = weight.shape;
  if (input.columns !== inputs || bias.elements !== outputs) {
    throw new ModelError(`${operation}: ${input} does not fit ${weight} with ${bias}`);
  }
}

/** What is particular about a dense layer. */
export interface LinearOptions {
  /**
   * Outputs (first, one past the last) whose bias cannot change the loss: their bias gradient is exactly
   * 0 instead of rounding noise, which Adam would blow up.
   */
  readonly inertBias?: readonly [number, number];
  /** Storage of the output; the tape's by default. */
  readonly outputStorage?: "f32" | "f16";
  /** See `paddingOf` (padding.ts); rows that are padding hold what an input of 0 would give, or the true value. */
  readonly padding?: Tensor;
}

/** Records a product that may skip padding: in its rows, or in its sums. */
function product(
  tape: Tape,
  operation: string,
  spec: Omit<MatmulSpec, "padding">,
  passes: "rows" | "sums",
  padding: Tensor | undefined,
  tensors: Readonly<Record<string, Tensor>>,
): void {
  const program = matmulOn(tape, { ...spec, padding: padding && passes });
  // Not every variant can.
  const binds = program.launches.some(({ bindings }) =>
    bindings.some(({ name }) => name === "tokenBlocks")
  );
  tape.run(operation, program, binds ? { ...tensors, tokenBlocks: padding! } : tensors);
}

/** y = x·Wᵀ + b. */
export function linear(
  tape: Tape,
  input: Tensor,
  weights: DenseWeights,
  { inertBias, outputStorage = tape.storage, padding }: LinearOptions = {},
): Tensor {
  requireFit("linear", input, weights);
  const { weight, bias } = weights;
  const [n, k] = weight.shape;
  const m = input.rows;
  const output = tape.activation(`linear of ${input.name}`, [m, n], outputStorage);
  const spec = { m, n, k, layout: "NT", bias: true, outputStorage } as const;
  const tensors = { a: input, b: tape.stored(weight), bias, c: output };
  product(tape, "linear", spec, "rows", padding, tensors);
  tape.differentiate("linear", [input, weight, bias], [output], (gradients) => {
    linearBackward(tape, gradients, input, weights, gradients.of(output), padding, inertBias);
  });
  return output;
}

/** gelu(x·Wᵀ + b), with the exact erf. */
export function linearGelu(
  tape: Tape,
  input: Tensor,
  weights: DenseWeights,
  padding?: Tensor,
): Tensor {
  const { output, derivative } = geluForward(tape, "linear with GELU", input, weights, padding);
  tape.differentiate(
    "linear with GELU",
    [input, weights.weight, weights.bias],
    [output],
    (gradients) => {
      const gradient = tape.activation("gradient before GELU", output.shape, tape.storage);
      const spec = { elements: output.elements, storage: tape.storage };
      tape.run("GELU backward", multiply(spec), {
        a: gradients.of(output),
        b: derivative,
        output: gradient,
      });
      linearBackward(tape, gradients, input, weights, gradient, padding);
    },
  );
  return output;
}

/** The feed-forward block gelu(x·W₁ᵀ + b₁)·W₂ᵀ + b₂; its backward folds GELU into a matmul. */
export function feedForward(
  tape: Tape,
  input: Tensor,
  first: DenseWeights,
  second: DenseWeights,
  padding?: Tensor,
): Tensor {
  const { output: hidden, derivative } = geluForward(tape, "feed-forward", input, first, padding);
  requireFit("feed-forward", hidden, second);
  const m = input.rows;
  const [columns, width] = second.weight.shape;
  const output = tape.activation("feed-forward output", [m, columns], tape.storage);
  const spec = { m, n: columns, k: width, layout: "NT", bias: true } as const;
  product(tape, "feed-forward", spec, "rows", padding, {
    a: hidden,
    b: tape.stored(second.weight),
    bias: second.bias,
    c: output,
  });
  tape.differentiate(
    "feed-forward",
    [input, first.weight, first.bias, second.weight, second.bias],
    [output],
    (gradients) => {
      const gradient = gradients.of(output);
      weightBackward(tape, gradients, hidden, second, gradient, padding);
      if (![input, first.weight, first.bias].some((tensor) => tensor.requiresGradient)) return;
      const inner = tape.activation("gradient before GELU", [m, width], tape.storage);
      product(
        tape,
        "feed-forward backward",
        { m, n: width, k: columns, layout: "NN", epilogue: "gelu_backward" },
        "rows",
        padding,
        { a: gradient, b: tape.stored(second.weight), derivative, c: inner },
      );
      linearBackward(tape, gradients, input, first, inner, padding);
    },
  );
  return output;
}

function geluForward(
  tape: Tape,
  operation: string,
  input: Tensor,
  weights: DenseWeights,
  padding: Tensor | undefined,
): { output: Tensor; derivative: Tensor } {
  requireFit(operation, input, weights);
  const { weight, bias } = weights;
  const [n, k] = weight.shape;
  const m = input.rows;
  const output = tape.activation(`GELU of ${input.name}`, [m, n], tape.storage);
  const derivative = tape.activation(`GELU derivative at ${input.name}`, [m, n], tape.storage);
  const spec = { m, n, k, layout: "NT", bias: true, epilogue: "gelu" } as const;
  const tensors = { a: input, b: tape.stored(weight), bias, derivative, c: output };
  product(tape, operation, spec, "rows", padding, tensors);
  return { output, derivative };
}

function linearBackward(
  tape: Tape,
  gradients: Gradients,
  input: Tensor,
  weights: DenseWeights,
  outputGradient: Tensor,
  padding: Tensor | undefined,
  inertBias?: readonly [number, number],
): void {
  weightBackward(tape, gradients, input, weights, outputGradient, padding, inertBias);
  const [n, k] = weights.weight.shape;
  gradients.into(input, (gradient, accumulate) => {
    const spec = { m: input.rows, n: k, k: n, layout: "NN", accumulate } as const;
    const tensors = { a: outputGradient, b: tape.stored(weights.weight), c: gradient };
    product(tape, "linear input gradient", spec, "rows", padding, tensors);
  });
}

function weightBackward(
  tape: Tape,
  gradients: Gradients,
  input: Tensor,
  { weight, bias }: DenseWeights,
  outputGradient: Tensor,
  padding: Tensor | undefined,
  inertBias?: readonly [number, number],
): void {
  const [n, k] = weight.shape;
  const rows = input.rows;
  gradients.into(weight, (gradient, accumulate) => {
    const spec = { m: n, n: k, k: rows, layout: "TN", accumulate, outputStorage: "f32" } as const;
    const tensors = { a: outputGradient, b: input, c: gradient };
    product(tape, "linear weight gradient", spec, "sums", padding, tensors);
  });
  gradients.into(bias, (gradient, accumulate) => {
    tape.run(
      "linear bias gradient",
      columnSum({
        rows,
        columns: n,
        accumulate,
        zeroColumns: inertBias,
        storage: tape.storage,
        subgroupSize: tape.subgroupSize,
      }),
      { input: outputGradient, output: gradient },
    );
  });
}
