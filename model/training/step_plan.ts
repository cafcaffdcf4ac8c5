/**
 * What a training step costs, from its recording alone: no device takes part.
 *
 * @module
 */
import { bytesPerElement } from "../../kernels/launch.ts";
import { owner, planMemory, tensorBytes } from "../autograd/memory.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import type { PretrainingHparams } from "../electra/config.ts";
import { Electra } from "../electra/electra.ts";
import { ParameterStore } from "../parameters/store.ts";
import { type DeviceTraits, type Precision, recordTraining } from "./recording.ts";

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
  /** Bytes of all tensors that attention writes, were each to have memory of its own. */
  readonly attentionBytes: number;
  /** Floating-point operations. */
  readonly flops: number;
  /** Dispatches. */
  readonly dispatches: number;
  /** Distinct pipelines. */
  readonly pipelines: number;
}

/**
 * Plans a training step.
 *
 * @param precision how numbers are stored; all f32 by default.
 * @throws {ModelError} when the hyperparameters make no model.
 */
export function planTraining(
  hparams: PretrainingHparams,
  traits: DeviceTraits,
  precision: Precision = {},
): StepPlan {
  const store = new ParameterStore();
  const model = new Electra(store, hparams);
  const { tape } = recordTraining(model, store, traits, precision);
  const memory = memoryClasses(tape, store);
  return {
    parameters: parameterGroups(store),
    memory,
    bytes: memory.reduce((sum, { amount }) => sum + amount, 0),
    fullest: fullestMoment(tape),
    attentionBytes: attentionBytes(tape),
    flops: tape.dispatches.reduce((sum, { launch }) => sum + launch.cost.flops, 0),
    dispatches: tape.dispatches.length,
    pipelines: new Set(tape.dispatches.map(({ launch }) => launch.wgsl)).size,
  };
}

/** Parts of the model by the names of their parameters. */
const GROUPS: readonly (readonly [RegExp, string])[] = [
  [/\.word_embeddings\./, "word embeddings"],
  [/electra\.embeddings/, "other embeddings"],
  [/^generator\.electra\./, "generator layers"],
  [/^discriminator\.electra\./, "discriminator layers"],
  [/^generator\./, "generator head"],
  [/^discriminator\./, "discriminator head"],
];

function parameterGroups({ parameters }: ParameterStore): Share[] {
  const sums = new Map<string, number>();
  for (const { parts, value } of parameters) {
    const [, group] = GROUPS.find(([pattern]) => pattern.test(parts[0].name))!;
    sums.set(group, (sums.get(group) ?? 0) + value.elements);
  }
  return shares(sums);
}

function memoryClasses(tape: Tape, store: ParameterStore): Share[] {
  const sums = new Map<string, number>();
  const add = (name: string, bytes: number): void => {
    sums.set(name, (sums.get(name) ?? 0) + bytes);
  };
  for (const { tensors, groups } of store.chunks) {
    add("parameters", tensorBytes(tensors.parameters));
    add("gradients of parameters", tensorBytes(tensors.gradients));
    add("Adam moments", tensorBytes(tensors.firstMoment) + tensorBytes(tensors.secondMoment));
    add("optimizer groups", tensorBytes(groups));
  }
  for (const { bytes, tensors: [tensor] } of planMemory(tape.dispatches, tape.kept)) {
    const own = tensor.role === "input" ? "inputs" : "kept for the host";
    add(tensor.role === "input" || tape.kept.has(tensor) ? own : "activations", bytes);
  }
  return shares(sums);
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
