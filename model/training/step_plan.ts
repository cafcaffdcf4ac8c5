/**
 * What a training step costs, from its recording alone: no device takes part.
 *
 * @module
 */
import { bytesPerElement } from "../../kernels/launch.ts";
import { owner, planMemory, tensorBytes } from "../autograd/memory.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import type { ParameterStore } from "../parameters/store.ts";
import type { AnyObjective, BatchShape } from "./objective.ts";
import { adamOptimizer, type Optimizer } from "./optimizer.ts";
import { type DeviceTraits, recordStep, type StepOptions } from "./recording.ts";

/** A name and what belongs to it. */
export interface Share {
  /** For people. */
  readonly name: string;
  /** A number of parameters or bytes. */
  readonly amount: number;
}

/** The costs of a training step. */
export interface StepPlan {
  /** Trained numbers by part of the model. */
  readonly parameters: readonly Share[];
  /** Device bytes by class of buffer; all are held from the first step to the last. */
  readonly memory: readonly Share[];
  /** Their sum, the peak. */
  readonly bytes: number;
  /** Bytes of activations alive at the step's fullest moment, by what they hold, the largest first. */
  readonly fullest: readonly Share[];
  /** The largest tensor that must be bound whole, and its bytes. */
  readonly largest: Share;
  /** Bytes of all tensors that attention writes, were each to have memory of its own. */
  readonly attentionBytes: number;
  /** Floating-point operations. */
  readonly flops: number;
  /** Dispatches. */
  readonly dispatches: number;
  /** Distinct pipelines. */
  readonly pipelines: number;
}

/** How a step is planned. */
export interface PlanOptions extends StepOptions {
  /** Parts that the batch is computed in; 1 by default. */
  readonly accumulationSteps?: number;
  /** The part of the model that a parameter belongs to, by its name; all are one by default. */
  readonly groupOf?: (name: string) => string;
}

/**
 * Plans a training step.
 *
 * @param declare makes the objective, which declares its parameters in the store.
 * @param shape of a whole batch.
 * @throws {ModelError} when the objective refuses.
 */
export function planTraining(
  declare: (store: ParameterStore) => AnyObjective,
  shape: BatchShape,
  traits: DeviceTraits,
  { accumulationSteps = 1, groupOf = () => "model", ...options }: PlanOptions = {},
): StepPlan {
  const { store, gradients: { tape }, update } = recordStep(
    declare,
    { ...shape, batch: shape.batch / accumulationSteps },
    traits,
    { ...options, accumulate: accumulationSteps > 1 },
  );
  const optimizer = options.optimizer ?? adamOptimizer();
  const memory = memoryClasses([tape, update.tape], store, optimizer);
  const dispatches = [...Array(accumulationSteps).fill(tape.dispatches), update.tape.dispatches]
    .flat();
  return {
    parameters: parameterGroups(store, groupOf),
    memory,
    bytes: memory.reduce((sum, { amount }) => sum + amount, 0),
    fullest: fullestMoment(tape),
    largest: largestBuffer([tape, update.tape]),
    attentionBytes: attentionBytes(tape),
    flops: dispatches.reduce((sum, { launch }) => sum + launch.cost.flops, 0),
    dispatches: dispatches.length,
    pipelines: new Set(dispatches.map(({ launch }) => launch.wgsl)).size,
  };
}

function parameterGroups(
  { parameters }: ParameterStore,
  groupOf: (name: string) => string,
): Share[] {
  const sums = new Map<string, number>();
  for (const { parts, value } of parameters) {
    const group = groupOf(parts[0].name);
    sums.set(group, (sums.get(group) ?? 0) + value.elements);
  }
  return shares(sums);
}

function memoryClasses(
  tapes: readonly Tape[],
  store: ParameterStore,
  { moments }: Optimizer,
): Share[] {
  const sums = new Map<string, number>();
  const add = (name: string, bytes: number): void => {
    sums.set(name, (sums.get(name) ?? 0) + bytes);
  };
  for (const chunk of store.chunks) {
    add("parameters", tensorBytes(chunk.tensor("parameters")));
    if (!chunk.trained) continue;
    add("gradients of parameters", tensorBytes(chunk.tensor("gradients")));
    for (const moment of moments) add("optimizer moments", tensorBytes(chunk.tensor(moment)));
    add("optimizer groups", tensorBytes(chunk.groups));
  }
  for (const tape of tapes) {
    for (const { bytes, tensors: [tensor] } of planMemory(tape.dispatches, tape.kept)) {
      const own = tensor.role === "input" ? "inputs" : "kept for the host";
      add(tensor.role === "input" || tape.kept.has(tensor) ? own : "activations", bytes);
    }
  }
  return shares(sums);
}

function largestBuffer(tapes: readonly Tape[]): Share {
  const { bytes, tensors } = tapes.flatMap((tape) => planMemory(tape.dispatches, tape.kept))
    .reduce((a, b) => b.bytes > a.bytes ? b : a);
  return { name: `${tensors[0]}`, amount: bytes };
}

/** Activations with the first and last dispatch that touch them. */
function lifetimes(tape: Tape): Map<Tensor, { first: number; last: number }> {
  const result = new Map<Tensor, { first: number; last: number }>();
  tape.dispatches.forEach(({ tensors }, index) => {
    for (const tensor of tensors.map(owner)) {
      if (tensor.role !== "activation") continue;
      const lifetime = result.get(tensor);
      if (lifetime) lifetime.last = index;
      else result.set(tensor, { first: index, last: index });
    }
  });
  return result;
}

function fullestMoment(tape: Tape): Share[] {
  const all = lifetimes(tape);
  const changes = new Float64Array(tape.dispatches.length + 1);
  for (const [tensor, { first, last }] of all) {
    changes[first] += tensorBytes(tensor);
    changes[last + 1] -= tensorBytes(tensor);
  }
  let alive = 0, most = 0, moment = 0;
  changes.forEach((change, index) => {
    alive += change;
    if (alive > most) [most, moment] = [alive, index];
  });
  const sums = new Map<string, number>();
  for (const [tensor, { first, last }] of all) {
    if (first > moment || last < moment) continue;
    const kind = tensor.name.replace(/ (of|from) .*/, "");
    sums.set(kind, (sums.get(kind) ?? 0) + tensorBytes(tensor));
  }
  return shares(sums);
}

function attentionBytes(tape: Tape): number {
  const written = new Set<Tensor>();
  for (const { launch: { kernel, bindings }, tensors } of tape.dispatches) {
    if (!kernel.startsWith("attention")) continue;
    bindings.forEach(({ access }, i) => access === "read" || written.add(owner(tensors[i])));
  }
  let bytes = 0;
  for (const { elements, dtype } of written) bytes += elements * bytesPerElement(dtype);
  return bytes;
}

/** The largest first. */
function shares(sums: ReadonlyMap<string, number>): Share[] {
  return [...sums].map(([name, amount]) => ({ name, amount })).sort((a, b) => b.amount - a.amount);
}
