/**
 * Layernorm, alone or with the residual connection and dropout before it.
 *
 * @module
 */
import { layerNormBackward, layerNormForward } from "../../kernels/layernorm/layernorm.ts";
import type { Tape } from "../autograd/tape.ts";
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
  const output = tape.activation("layernorm output", [rows, columns], tape.storage, true);
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
    const hiddenTarget = gradients.target(hidden);
    const residualTarget = residual && gradients.target(residual);
    const weightTarget = gradients.target(weight);
    const biasTarget = gradients.target(bias);
    if (!hiddenTarget || !weightTarget || !biasTarget || (residual && !residualTarget)) {
      throw new ModelError(`layernorm: ${hidden} and its weights must all need a gradient`);
    }
    tape.run(
      "layernorm backward",
      layerNormBackward({
        ...spec,
        accumulateHidden: hiddenTarget.accumulate,
        accumulateResidual: residualTarget?.accumulate,
        accumulateWeight: weightTarget.accumulate,
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
