/**
 * What a step does, recorded on tapes. No device takes part, so a step may be planned and costed for any size
 * on any machine.
 *
 * @module
 */
import type { Gpu, SubgroupMatrix } from "../../kernels/device.ts";
import { type MatmulChooser, Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { ParameterStore } from "../parameters/store.ts";
import type { AnyObjective, BatchShape, Recording } from "./objective.ts";
import { adamOptimizer, type Optimizer, recordUpdate } from "./optimizer.ts";
import { StepState } from "./step_state.ts";

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

/** The traits of a device, and what a tuner found for it. */
export function traitsOf({ features, limits }: Gpu, chooseMatmul?: MatmulChooser): DeviceTraits {
  return {
    subgroupSize: features.subgroupSize,
    subgroupMatrices: features.subgroupMatrices,
    maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
    chooseMatmul,
  };
}

/** How a step computes. */
export interface StepOptions {
  /** Storage of activations; f32 by default. */
  readonly storage?: "f32" | "f16";
  /** In f16, good steps after which the loss scale doubles; 1000 by default. */
  readonly growthInterval?: number;
  /** How parameters follow their gradients; Adam as in the original by default. */
  readonly optimizer?: Optimizer;
  /** Whether kernels skip padding, which changes no gradient; true by default. */
  readonly skipPadding?: boolean;
  /** Adds to the gradients that are there, as the parts of a batch must. */
  readonly accumulate?: boolean;
}

/** A tape and what an objective recorded on it. */
export interface RecordedPass {
  /** Its dispatches. */
  readonly tape: Tape;
  /** Inputs, losses and outputs. */
  readonly recording: Recording;
  /** Whether it leaves some gradients as they were, as those of heads that have no part in it. */
  readonly leavesGradients?: boolean;
}

/** A tape that updates the parameters. */
export interface RecordedUpdate {
  /** Its dispatches. */
  readonly tape: Tape;
  /** See {@link recordUpdate}. */
  readonly report: Tensor;
}

/** Records the first half of a training step, forward and backward: it leaves gradients in the store. */
export function recordGradients(
  objective: AnyObjective,
  store: ParameterStore,
  shape: BatchShape,
  traits: DeviceTraits,
  state: StepState,
  { storage = "f32", skipPadding, accumulate = false }: StepOptions = {},
): RecordedPass {
  store.requireBindable(traits);
  const stepState = state.tensor;
  const tape = new Tape({ training: true, storage, skipPadding, stepState, ...traits });
  const recording = objective.record(tape, shape);
  const { reached } = tape.backward(
    recording.losses,
    (value) => store.gradientOf(value),
    accumulate,
  );
  keepResults(tape, recording);
  const leavesGradients = store.parametersOf("gradients").some(({ value }) => !reached.has(value));
  return { tape, recording, leavesGradients };
}

/** Records the second half of a training step: parameters follow their gradients. */
export function recordStepUpdate(
  store: ParameterStore,
  traits: DeviceTraits,
  state: StepState,
  { storage = "f32", growthInterval = GROWTH_INTERVAL, optimizer = adamOptimizer() }: StepOptions =
    {},
): RecordedUpdate {
  const tape = new Tape({ training: true, phase: "update", stepState: state.tensor, ...traits });
  const interval = storage === "f16" ? growthInterval : undefined;
  return { tape, report: recordUpdate(tape, store, optimizer, state, interval) };
}

/** A whole training step, and what it is recorded over. */
export interface RecordedStep<O extends AnyObjective> {
  /** The parameters. */
  readonly store: ParameterStore;
  /** What is trained for. */
  readonly objective: O;
  /** What both halves share. */
  readonly state: StepState;
  /** Forward and backward. */
  readonly gradients: RecordedPass;
  /** The update. */
  readonly update: RecordedUpdate;
}

/**
 * Records a whole training step, for those who plan or list what it does.
 *
 * @param declare makes the objective, which declares its parameters in the store.
 * @param shape of the sequences that are computed at once.
 */
export function recordStep<O extends AnyObjective>(
  declare: (store: ParameterStore) => O,
  shape: BatchShape,
  traits: DeviceTraits,
  options: StepOptions = {},
): RecordedStep<O> {
  const store = new ParameterStore(), state = new StepState();
  const objective = declare(store);
  const gradients = recordGradients(objective, store, shape, traits, state, options);
  const update = recordStepUpdate(store, traits, state, options);
  return { store, objective, state, gradients, update };
}

/** Records an evaluation: the forward pass without dropout. */
export function recordEvaluation(
  objective: Pick<AnyObjective, "record">,
  shape: BatchShape,
  traits: DeviceTraits,
  storage: "f32" | "f16" = "f32",
): RecordedPass {
  const tape = new Tape({ training: false, storage, ...traits });
  const recording = objective.record(tape, shape);
  keepResults(tape, recording);
  return { tape, recording };
}

/** Keeps what the host reads; inputs have memory of their own anyway. */
function keepResults(tape: Tape, { losses, outputs }: Recording): void {
  for (const tensor of [...losses.map(({ loss }) => loss), ...Object.values(outputs)]) {
    if (tensor.role === "activation") tape.keep(tensor);
  }
}
