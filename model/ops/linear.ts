/**
 * Dense layers. Weights are stored [out, in], as in the Hugging Face layout.
 *
 * @module
 */
import { multiply } from "../../kernels/elementwise/elementwise.ts";
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
}

/** y = x·Wᵀ + b. */
export function linear(
  tape: Tape,
  input: Tensor,
  weights: DenseWeights,
  { inertBias, outputStorage = tape.storage }: LinearOptions = {},
): Tensor {
  requireFit("linear", input, weights);
  const { weight, bias } = weights;
  const [n, k] = weight.shape;
  const m = input.rows;
  const output = tape.activation(`linear of ${input.name}`, [m, n], outputStorage, true);
  tape.run("linear", matmulOn(tape, { m, n, k, layout: "NT", bias: true, outputStorage }), {
    a: input,
    b: tape.stored(weight),
    bias,
    c: output,
  });
  tape.differentiate("linear", [input, weight, bias], [output], (gradients) => {
    linearBackward(tape, gradients, input, weights, gradients.of(output), inertBias);
  });
  return output;
}

/** gelu(x·Wᵀ + b), with the exact erf. */
export function linearGelu(tape: Tape, input: Tensor, weights: DenseWeights): Tensor {
  const { output, derivative } = geluForward(tape, "linear with GELU", input, weights);
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
      linearBackward(tape, gradients, input, weights, gradient);
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
): Tensor {
  const { output: hidden, derivative } = geluForward(tape, "feed-forward", input, first);
  requireFit("feed-forward", hidden, second);
  const m = input.rows;
  const [columns, width] = second.weight.shape;
  const output = tape.activation("feed-forward output", [m, columns], tape.storage, true);
  tape.run("feed-forward", matmulOn(tape, { m, n: columns, k: width, layout: "NT", bias: true }), {
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
      weightBackward(tape, gradients, hidden, second, gradient);
      const inner = tape.activation("gradient before GELU", [m, width], tape.storage);
      tape.run(
        "feed-forward backward",
        matmulOn(tape, { m, n: width, k: columns, layout: "NN", epilogue: "gelu_backward" }),
        { a: gradient, b: tape.stored(second.weight), derivative, c: inner },
      );
      linearBackward(tape, gradients, input, first, inner);
    },
  );
  return output;
}

function geluForward(
  tape: Tape,
  operation: string,
  input: Tensor,
  weights: DenseWeights,
): { output: Tensor; derivative: Tensor } {
  requireFit(operation, input, weights);
  const { weight, bias } = weights;
  const [n, k] = weight.shape;
  const m = input.rows;
  const output = tape.activation(`GELU of ${input.name}`, [m, n], tape.storage, true);
  const derivative = tape.activation(`GELU derivative at ${input.name}`, [m, n], tape.storage);
  tape.run(operation, matmulOn(tape, { m, n, k, layout: "NT", bias: true, epilogue: "gelu" }), {
    a: input,
    b: tape.stored(weight),
    bias,
    derivative,
    c: output,
  });
  return { output, derivative };
}

function linearBackward(
  tape: Tape,
  gradients: Gradients,
  input: Tensor,
  weights: DenseWeights,
  outputGradient: Tensor,
  inertBias?: readonly [number, number],
): void {
  weightBackward(tape, gradients, input, weights, outputGradient, inertBias);
  const [n, k] = weights.weight.shape;
  gradients.into(input, (gradient, accumulate) => {
    tape.run(
      "linear input gradient",
      matmulOn(tape, { m: input.rows, n: k, k: n, layout: "NN", accumulate }),
      { a: outputGradient, b: tape.stored(weights.weight), c: gradient },
    );
  });
}

function weightBackward(
  tape: Tape,
  gradients: Gradients,
  input: Tensor,
  { weight, bias }: DenseWeights,
  outputGradient: Tensor,
  inertBias?: readonly [number, number],
): void {
  const [n, k] = weight.shape;
  const rows = input.rows;
  gradients.into(weight, (gradient, accumulate) => {
    tape.run(
      "linear weight gradient",
      matmulOn(tape, { m: n, n: k, k: rows, layout: "TN", accumulate, outputStorage: "f32" }),
      {
        a: outputGradient,
        b: input,
        c: gradient,
      },
    );
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
