/**
 * What one step does, recorded on a tape. No device takes part, so a step may be planned and costed for
 * any size on any machine.
 *
 * @module
 */
import type { Gpu, SubgroupMatrix } from "../../kernels/device.ts";
import { type MatmulChooser, Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { Electra, type PretrainingInputs, type PretrainingOutputs } from "../electra/electra.ts";
import { type Update, updateParameters } from "./optimizer.ts";
import type { ParameterStore } from "../parameters/store.ts";

/** Bytes that one chunk of vocabulary logits takes at most, unless the adapter binds fewer. */
const VOCABULARY_CHUNK_BYTES = 1 << 27;

/** Good steps after which the loss scale doubles. */
const GROWTH_INTERVAL = 1000;

/** What a recording must know of the device it is for. */
export interface DeviceTraits {
  /** The least subgroup size; 0 without subgroups. */
  readonly subgroupSize: number;
  /** Products of subgroup matrices; none by default. */
  readonly subgroupMatrices?: readonly SubgroupMatrix[];
  /** Bytes that one binding may hold. */
  readonly maxStorageBufferBindingSize: number;
  /** Names the variants of matrix products; the launcher's choice by default. */
  readonly chooseMatmul?: MatmulChooser;
}

/** One kind of step. */
export interface StepRecording {
  /** Its dispatches. */
  readonly tape: Tape;
  /** What the host writes. */
  readonly inputs: PretrainingInputs;
  /** What it makes. */
  readonly outputs: PretrainingOutputs;
}

/** How numbers are stored in a training step. */
export interface Precision {
  /** Storage of activations; f32 by default. */
  readonly storage?: "f32" | "f16";
  /** In f16, good steps after which the loss scale doubles; 1000 by default. */
  readonly growthInterval?: number;
}

/** The traits of a device, and what a tuner found for it. */
export function traitsOf({ features, limits }: Gpu, chooseMatmul?: MatmulChooser): DeviceTraits {
  return {
    subgroupSize: features.subgroupSize,
    subgroupMatrices: features.subgroupMatrices,
    maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
    chooseMatmul,
  };
}

/**
 * Records one training step: forward, backward, update.
 *
 * @param store the parameters that the model declared.
 * @returns beside the step, what the update leaves.
 */
export function recordTraining(
  model: Electra,
  store: ParameterStore,
  traits: DeviceTraits,
  { storage = "f32", growthInterval = GROWTH_INTERVAL }: Precision = {},
): StepRecording & { readonly update: Update } {
  const tape = new Tape({ training: true, storage, ...traits });
  const { inputs, outputs } = forward(tape, model, model.hparams.train_batch_size, traits);
  tape.backward(outputs.losses, (value) => store.gradientOf(value));
  const update = updateParameters(tape, store, storage === "f16" ? growthInterval : undefined);
  keep(tape, [outputs.sampledIds, outputs.corruptedInputIds]);
  return { tape, inputs, outputs, update };
}

/** Records one evaluation step: forward without dropout, everything kept that metrics are made from. */
export function recordEvaluation(
  model: Electra,
  traits: DeviceTraits,
  storage: "f32" | "f16" = "f32",
): StepRecording {
  const tape = new Tape({ training: false, storage, ...traits });
  const { inputs, outputs } = forward(tape, model, model.hparams.eval_batch_size, traits);
  const { rowLoss, predictedIds, sampledIds, corruptedInputIds, logits, labels } = outputs;
  keep(tape, [rowLoss, predictedIds, sampledIds, corruptedInputIds, logits, labels]);
  return { tape, inputs, outputs };
}

function forward(
  tape: Tape,
  model: Electra,
  batchSize: number,
  { maxStorageBufferBindingSize }: DeviceTraits,
): { inputs: PretrainingInputs; outputs: PretrainingOutputs } {
  const { max_seq_length, max_predictions_per_seq } = model.hparams;
  const inputs = Electra.inputs(tape, batchSize, max_seq_length, max_predictions_per_seq);
  const chunkBytes = Math.min(VOCABULARY_CHUNK_BYTES, maxStorageBufferBindingSize);
  const outputs = model.pretrain(tape, inputs, chunkBytes);
  for (const { loss } of outputs.losses) tape.keep(loss);
  return { inputs, outputs };
}

/** Keeps what the step makes; inputs have memory of their own anyway. */
function keep(tape: Tape, tensors: readonly (Tensor | undefined)[]): void {
  for (const tensor of tensors) if (tensor?.role === "activation") tape.keep(tensor);
}
