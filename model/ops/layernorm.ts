/**
 * Layernorm, alone or with the residual connection and dropout before it.
 *
 * @module
 */
import { layerNormBackward, layerNormForward } from "../../kernels/layernorm/layernorm.ts";
import type { DType } from "../../kernels/launch.ts";
import type { GradientTarget, Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { ModelError } from "../errors.ts";

/** Scale and shift of a layernorm, each [columns]. */
export interface LayerNormWeights {
  /** Scale. */
  readonly weight: Tensor;
  /** Shift. */
  readonly bias: Tensor;
}

/** Layernorm over the last axis. */
export function layerNorm(
  tape: Tape,
  input: Tensor,
  weights: LayerNormWeights,
  epsilon: number,
): Tensor {
  return normalize(tape, input, undefined, weights, epsilon, 0);
}

/** layernorm(residual + dropout(hidden)), the join of a post-norm transformer block. */
export function residualLayerNorm(
  tape: Tape,
  hidden: Tensor,
  residual: Tensor,
  weights: LayerNormWeights,
  options: { readonly epsilon: number; readonly dropout: number },
): Tensor {
  const dropout = tape.training ? options.dropout : 0;
  return normalize(tape, hidden, residual, weights, options.epsilon, dropout);
}

function normalize(
  tape: Tape,
  hidden: Tensor,
  residual: Tensor | undefined,
  { weight, bias }: LayerNormWeights,
  epsilon: number,
  dropout: number,
): Tensor {
  const { rows, columns } = hidden;
  if (weight.elements !== columns || (residual && residual.elements !== hidden.elements)) {
    throw new ModelError(
      `layernorm: ${hidden} does not fit ${weight}${residual ? ` and ${residual}` : ""}`,
    );
  }
  const spec = {
    rows,
    columns,
    epsilon,
    residual: residual !== undefined,
    dropout,
    stream: dropout > 0 ? tape.nextStream() : 0,
    storage: tape.storage,
    subgroupSize: tape.subgroupSize,
  };
  const output = tape.activation("layernorm output", [rows, columns], tape.storage);
  const statistics = tape.activation("layernorm statistics", [rows, 2]);
  const sum = residual ? tape.activation("layernorm sum", [rows, columns], tape.storage) : hidden;
  tape.run("layernorm", layerNormForward(spec), {
    hidden,
    ...(residual ? { residual, sum } : {}),
    weight,
    bias,
    output,
    statistics,
  });
  const inputs = [hidden, ...(residual ? [residual] : []), weight, bias];
  tape.differentiate("layernorm", inputs, [output], (gradients) => {
    const outputGradient = gradients.of(output);
    // The kernels make all gradients in one go; what nothing needs goes to memory that nothing reads.
    const targetOf = (input: Tensor): GradientTarget =>
      gradients.target(input) ?? {
        gradient: tape.activation(`unused gradient of ${input.name}`, input.shape, dtypeOf(input)),
        accumulate: false,
      };
    const dtypeOf = ({ role }: Tensor): DType => role === "parameter" ? "f32" : tape.storage;
    const hiddenTarget = targetOf(hidden);
    const residualTarget = residual && targetOf(residual);
    const weightTarget = targetOf(weight);
    const biasTarget = targetOf(bias);
    tape.run(
      "layernorm backward",
      layerNormBackward({
        ...spec,
        accumulateHidden: hiddenTarget.accumulate,
        accumulateResidual: residualTarget?.accumulate,
        accumulateWeight: weightTarget.accumulate,
        accumulateBias: biasTarget.accumulate,
      }),
      {
        outputGradient,
        sum,
        weight,
        statistics,
        hiddenGradient: hiddenTarget.gradient,
        ...(residualTarget ? { residualGradient: residualTarget.gradient } : {}),
        weightGradient: weightTarget.gradient,
        biasGradient: biasTarget.gradient,
      },
    );
  });
  return output;
}
