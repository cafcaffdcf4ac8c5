/**
 * The update of parameters by their gradients. An optimizer says which moments it keeps and records the update
 * of one flat buffer; the norm of the gradients and the loss scale are the same for all.
 *
 * @module
 */
import { adam } from "../../kernels/adam/adam.ts";
import { lossScale } from "../../kernels/loss_scale/loss_scale.ts";
import { weightAverage } from "../../kernels/weight_average/weight_average.ts";
import { squaredNorm as squaredNormKernel } from "../../kernels/reduce/global_norm.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import type { ParameterStore } from "../parameters/store.ts";
import type { StepState } from "./step_state.ts";

/** The tensors of one flat buffer's update. */
export interface FlatUpdate {
  /** Elements, a multiple of 64. */
  readonly elements: number;
  /** f32 [elements]: the parameters, which change. */
  readonly parameters: Tensor;
  /** f32 [elements]: their gradients, times the loss scale. */
  readonly gradients: Tensor;
  /** f32 [elements] each: the moments, by their names. */
  readonly moments: Readonly<Record<string, Tensor>>;
  /** f32 [elements / 64, 2]: learning-rate multiplier and decay of each 64 elements. */
  readonly groups: Tensor;
  /** f32 [1] */
  readonly learningRate: Tensor;
  /** f32 [1]: of all gradients, times the square of the loss scale. */
  readonly squaredNorm: Tensor;
}

/** How parameters follow their gradients. */
export interface Optimizer {
  /** Names of the moments kept for each parameter; checkpoints call them `NAME/MOMENT`. */
  readonly moments: readonly string[];
  /** Records the update of one flat buffer; gradients that are not finite must change nothing. */
  update(tape: Tape, update: FlatUpdate): void;
}

/** Settings of Adam. */
export interface AdamSettings {
  /** Decay of the first moment. */
  readonly beta1: number;
  /** Decay of the second moment. */
  readonly beta2: number;
  /** Added to the root of the second moment. */
  readonly epsilon: number;
  /** Global norm to which gradients are clipped; 0 does not clip. */
  readonly clipNorm: number;
}

/** The original's settings (`optimization.AdamWeightDecayOptimizer`). */
export const ADAM: AdamSettings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-6, clipNorm: 1 };

/** Adam with clipping by the global norm, decoupled decay and no bias correction, as in the original. */
export function adamOptimizer(settings: AdamSettings = ADAM): Optimizer {
  return {
    moments: ["adam_m", "adam_v"],
    update(tape, { elements, moments, ...tensors }): void {
      tape.run("adam", adam({ elements, ...settings }), {
        ...tensors,
        firstMoment: moments.adam_m,
        secondMoment: moments.adam_v,
      });
    },
  };
}

/** The moment that holds the moving average of weights. */
export const AVERAGE = "ema";

/**
 * An optimizer that also keeps a moving average of the weights. It begins at 0; see {@link averageCorrection}.
 *
 * @param decay the share that the average keeps of itself in a step.
 */
export function withAverage(optimizer: Optimizer, decay: number): Optimizer {
  return {
    moments: [...optimizer.moments, AVERAGE],
    update(tape, update): void {
      optimizer.update(tape, update);
      const { elements, parameters, moments } = update;
      const average = moments[AVERAGE];
      tape.run("weight average", weightAverage({ elements, decay }), { parameters, average });
    },
  };
}

/** What an average is multiplied by after some steps, since it began at 0. */
export function averageCorrection(decay: number, steps: number): number {
  return 1 / (1 - decay ** steps);
}

/**
 * Records the update of all trained parameters, and the next step's loss scale. Gradients that are not finite
 * change nothing but the loss scale.
 *
 * @param growthInterval good steps after which the loss scale doubles; left out, it stays as it is.
 * @returns f32 [3], kept: the norm of the gradients before clipping, the loss scale they were made with, and 1
 * where the step was skipped because they are not finite.
 */
export function recordUpdate(
  tape: Tape,
  store: ParameterStore,
  optimizer: Optimizer,
  { learningRate, goodSteps }: StepState,
  growthInterval?: number,
): Tensor {
  const squaredNorm = tape.activation("squared gradient norm", [1]);
  store.trainedChunks.forEach((chunk, index) => {
    const { elements } = chunk;
    tape.run("gradient norm", squaredNormKernel({ elements, accumulate: index > 0 }), {
      input: chunk.tensor("gradients"),
      output: squaredNorm,
    });
  });
  for (const chunk of store.trainedChunks) {
    const { elements, groups } = chunk;
    optimizer.update(tape, {
      elements,
      parameters: chunk.tensor("parameters"),
      gradients: chunk.tensor("gradients"),
      moments: Object.fromEntries(optimizer.moments.map((name) => [name, chunk.tensor(name)])),
      groups,
      learningRate,
      squaredNorm,
    });
  }
  const report = tape.keep(tape.activation("report of the update", [3]));
  tape.run("loss scale", lossScale({ growthInterval }), {
    squaredNorm,
    report,
    ...(growthInterval === undefined ? {} : { goodSteps }),
  });
  return report;
}
