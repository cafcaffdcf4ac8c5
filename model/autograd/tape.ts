/**
 * The tape: operations are recorded once, for a given configuration and batch shape; then a
 * {@link Plan} replays them every step.
 *
 * An operation is a function that runs kernel programs on the tape and, beside them, says how its
 * gradients are made ({@link Tape.differentiate}). {@link Tape.backward} walks these rules in reverse
 * and so records the backward pass with the same means as the forward pass.
 *
 * @module
 */
import type { SubgroupMatrix } from "../../kernels/device.ts";
import { cast } from "../../kernels/elementwise/elementwise.ts";
import {
  bytesPerElement,
  type DType,
  type KernelLaunch,
  type KernelProgram,
  MOST_ELEMENTS,
  MOST_WORKGROUPS,
} from "../../kernels/launch.ts";
import type { MatmulSpec } from "../../kernels/matmul/spec.ts";
import type { MatmulVariant } from "../../kernels/matmul/variants.ts";
import { ModelError } from "../errors.ts";
import { Tensor } from "./tensor.ts";

/** Bytes at whose multiples a binding may start on every device. */
export const BINDING_ALIGNMENT = 256;

/** Part of a step, for profiles. */
export type Phase = "forward" | "backward" | "update";

/** One recorded dispatch and the tensors bound to it, in binding order. */
export interface RecordedDispatch {
  /** The operation that recorded it, for people: "linear weight gradient". */
  readonly operation: string;
  /** The kernel. */
  readonly launch: KernelLaunch;
  /** A tensor for each of the launch's bindings. */
  readonly tensors: readonly Tensor[];
  /** Part of the step. */
  readonly phase: Phase;
}

/** A loss and its weight in the total. */
export interface WeightedLoss {
  /** A loss made by an operation with a gradient rule. */
  readonly loss: Tensor;
  /** Its factor in the total loss. */
  readonly weight: number;
}

/** A gradient to write, or to add to. */
export interface GradientTarget {
  /** The gradient. */
  readonly gradient: Tensor;
  /** Add to what is there. */
  readonly accumulate: boolean;
}

/** Records the gradients of one operation's inputs. */
export type GradientRule = (gradients: Gradients) => void;

interface Rule {
  readonly operation: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly rule: GradientRule | undefined;
}

/** Gradients known so far while the backward pass is recorded. */
export class Gradients {
  readonly #tape: Tape;
  readonly #accumulate: boolean;
  readonly #known = new Map<Tensor, Tensor>();
  readonly #lossWeights = new Map<Tensor, number>();
  readonly #parameterGradient: (parameter: Tensor) => Tensor;

  /** @internal made by {@link Tape.backward}. */
  constructor(
    tape: Tape,
    losses: readonly WeightedLoss[],
    parameterGradient: (parameter: Tensor) => Tensor,
    accumulate: boolean,
  ) {
    this.#tape = tape;
    this.#accumulate = accumulate;
    this.#parameterGradient = parameterGradient;
    for (const { loss, weight } of losses) this.#lossWeights.set(loss, weight);
  }

  /** Whether anything downstream depends on this output. */
  reaches(output: Tensor): boolean {
    return this.#known.has(output) || this.#lossWeights.has(output);
  }

  /** The gradient of an output with respect to the total loss. */
  of(output: Tensor): Tensor {
    const gradient = this.#known.get(output);
    if (!gradient) throw new ModelError(`no gradient has reached ${output}`);
    return gradient;
  }

  /** Says that an output, made again, has a gradient that is known. */
  give(output: Tensor, gradient: Tensor): void {
    this.#known.set(output, gradient);
  }

  /** The weight of a loss in the total. */
  lossWeight(loss: Tensor): number {
    return this.#lossWeights.get(loss) ?? 0;
  }

  /**
   * Where to write the gradient of an input, and whether to add to it because another use has written
   * it already, or an earlier part of the batch has. Nothing for an input that needs no gradient.
   */
  target(input: Tensor): GradientTarget | undefined {
    if (!input.requiresGradient) return undefined;
    const known = this.#known.get(input);
    if (known) return { gradient: known, accumulate: true };
    const isParameter = input.role === "parameter";
    const gradient = isParameter
      ? this.#parameterGradient(input)
      : this.#tape.activation(`gradient of ${input.name}`, input.shape, this.#tape.storage);
    this.#known.set(input, gradient);
    return { gradient, accumulate: isParameter && this.#accumulate };
  }

  /** Lets `record` write the gradient of an input, where it needs one; see {@link target}. */
  into(input: Tensor, record: (gradient: Tensor, accumulate: boolean) => void): void {
    const target = this.target(input);
    if (target) record(target.gradient, target.accumulate);
  }

  /** Tensors that have a gradient. */
  get reached(): ReadonlySet<Tensor> {
    return new Set(this.#known.keys());
  }
}

/** Names the variant of a matrix product; undefined leaves it to the launcher. */
export type MatmulChooser = (spec: MatmulSpec) => MatmulVariant | undefined;

/** A recording of everything one step does. */
export class Tape {
  /** Dispatches in the order in which they will run. */
  readonly dispatches: RecordedDispatch[] = [];
  /** What recordings over fewer rows dispatch instead, so that its pipelines are compiled with this tape's. */
  readonly shorter: KernelLaunch[] = [];
  /** Whether dropout is active. */
  readonly training: boolean;
  /** The least subgroup size of the device, 0 without: launchers choose variants by it. */
  readonly subgroupSize: number;
  /** The subgroup matrices of the device. */
  readonly subgroupMatrices: readonly SubgroupMatrix[];
  /** Names the variants of matrix products. */
  readonly chooseMatmul: MatmulChooser;
  /** Storage of activations, of their gradients, and of the matrices they are multiplied by. */
  readonly storage: "f32" | "f16";
  /** Bytes that one binding may hold. */
  readonly maxStorageBufferBindingSize: number;
  /** The step's seed, step number, part of the batch and loss scale; see `StepState` in random.wgsl. */
  readonly stepState: Tensor;
  readonly #kept = new Set<Tensor>();
  readonly #rules: Rule[] = [];
  readonly #others = new Set<string>();
  /** Outputs of differentiable operations over inputs that need no gradient. */
  readonly #still = new Set<Tensor>();
  readonly #producers = new Map<Tensor, string>();
  readonly #copies = new Map<Tensor, Tensor>();
  #skipPadding: boolean;
  #phase: Phase;
  #streams = 0;
  #differentiated = false;

  /**
   * An empty tape.
   *
   * @param options.training whether dropout is active.
   * @param options.subgroupSize the device's least subgroup size, where it has subgroups.
   * @param options.subgroupMatrices those that the device has; none by default.
   * @param options.chooseMatmul names the variants of matrix products; the launcher's choice by default.
   * @param options.storage of activations; f32 by default.
   * @param options.maxStorageBufferBindingSize of the device; WebGPU's least by default.
   * @param options.stepState where plans share it; an input of the tape by default.
   * @param options.phase that the recording begins with; forward by default.
   * @param options.skipPadding whether kernels skip padding; true by default.
   */
  constructor(
    options: {
      readonly training: boolean;
      readonly subgroupSize?: number;
      readonly subgroupMatrices?: readonly SubgroupMatrix[];
      readonly chooseMatmul?: MatmulChooser;
      readonly storage?: "f32" | "f16";
      readonly maxStorageBufferBindingSize?: number;
      readonly stepState?: Tensor;
      readonly phase?: Phase;
      readonly skipPadding?: boolean;
    },
  ) {
    this.training = options.training;
    this.subgroupSize = options.subgroupSize ?? 0;
    this.subgroupMatrices = options.subgroupMatrices ?? [];
    this.chooseMatmul = options.chooseMatmul ?? (() => undefined);
    this.storage = options.storage ?? "f32";
    this.maxStorageBufferBindingSize = options.maxStorageBufferBindingSize ?? 1 << 27;
    this.stepState = options.stepState ?? new Tensor("step state", [4], "u32", "input");
    this.#phase = options.phase ?? "forward";
    this.#skipPadding = options.skipPadding ?? true;
  }

  /** Whether kernels skip padding where that changes no result. */
  get skipPadding(): boolean {
    return this.#skipPadding;
  }

  /** Has all that follows compute padding too, for a loss that looks at it. */
  computePadding(): void {
    this.#skipPadding = false;
  }

  /** A tensor that the host writes before each step. */
  input(name: string, shape: readonly number[], dtype: DType): Tensor {
    return new Tensor(name, shape, dtype, "input");
  }

  /** A tensor that lives within the step. */
  activation(name: string, shape: readonly number[], dtype: DType = "f32"): Tensor {
    return new Tensor(name, shape, dtype, "activation");
  }

  /** Keeps an activation until the next step, so that the host may read it; returns it. */
  keep(tensor: Tensor): Tensor {
    this.#kept.add(tensor);
    return tensor;
  }

  /** Activations that the host may read after the step. */
  get kept(): ReadonlySet<Tensor> {
    return this.#kept;
  }

  /**
   * A run of a tensor's elements under a shape of its own, sharing its memory.
   *
   * @param offset the first element, at a multiple of 256 bytes, so that it may be bound.
   * @throws {ModelError} when the run does not lie within the tensor.
   */
  slice(base: Tensor, offset: number, shape: readonly number[]): Tensor {
    const name = `${base.name} from ${offset}`;
    const view = new Tensor(name, shape, base.dtype, base.role, false, { base, offset });
    const aligned = offset * bytesPerElement(base.dtype) % BINDING_ALIGNMENT === 0;
    if (!aligned || offset + view.elements > base.elements) {
      throw new ModelError(
        `slice: ${view} does not lie within ${base} at a multiple of ${BINDING_ALIGNMENT} bytes`,
      );
    }
    return view;
  }

  /**
   * A matrix parameter in the tape's storage: itself, or a copy that is made again every step, since the
   * parameters themselves stay f32.
   */
  stored(parameter: Tensor): Tensor {
    if (parameter.dtype === this.storage) return parameter;
    let copy = this.#copies.get(parameter);
    if (!copy) {
      copy = this.activation(`copy of ${parameter.name}`, parameter.shape, this.storage);
      const spec = { elements: copy.elements, from: "f32", storage: this.storage } as const;
      this.run("copy of parameters", cast(spec), { input: parameter, output: copy });
      this.#copies.set(parameter, copy);
    }
    return copy;
  }

  /** A number for a random stream that no other operation of this tape uses. */
  nextStream(): number {
    return ++this.#streams;
  }

  /**
   * Records a kernel program.
   *
   * @param operation for messages.
   * @param tensors a tensor for each binding name; `stepState` and scratch are found by themselves.
   * @throws {ModelError} naming the operation, the binding and both shapes where they do not fit, or a grid
   * or index that WebGPU cannot hold.
   */
  run(
    operation: string,
    program: KernelProgram,
    tensors: Readonly<Record<string, Tensor>>,
  ): void {
    const scratch = new Map<string, Tensor>();
    for (const { name, dtype, elements } of program.scratch) {
      scratch.set(name, this.activation(`${operation} ${name}`, [elements], dtype));
    }
    const { others } = program;
    if (others && !this.#others.has(others.key)) {
      this.#others.add(others.key);
      this.shorter.push(...others.launches());
    }
    const used = new Set<string>();
    for (const launch of program.launches) {
      requireDispatch(operation, launch);
      const bound = launch.bindings.map((binding) => {
        used.add(binding.name);
        const tensor = tensors[binding.name] ?? scratch.get(binding.name) ??
          (binding.name === "stepState" ? this.stepState : undefined);
        if (!tensor) throw new ModelError(`${operation}: nothing is given for ${binding.name}`);
        if (tensor.elements !== binding.elements || tensor.dtype !== binding.dtype) {
          throw new ModelError(
            `${operation}: ${binding.name} wants ${binding.elements} elements of ${binding.dtype} ` +
              `(${launch.kernel} ${launch.label}), but is given ${tensor}`,
          );
        }
        if (binding.access !== "read") this.#producers.set(tensor, operation);
        return tensor;
      });
      this.dispatches.push({ operation, launch, tensors: bound, phase: this.#phase });
    }
    for (const name of Object.keys(tensors)) {
      if (!used.has(name)) throw new ModelError(`${operation}: no kernel binds ${name}`);
    }
  }

  /**
   * States how an operation's gradients are made. `rule` is left out for what has no gradient, such
   * as sampling; asking for one later is an error that names it. Outputs need a gradient where an input does.
   */
  differentiate(
    operation: string,
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    rule?: GradientRule,
  ): void {
    if (!inputs.some((input) => input.requiresGradient)) {
      if (rule) { for (const output of outputs) this.#still.add(output); }
      return;
    }
    for (const output of outputs) output.requiresGradient = true;
    this.#rules.push({ operation, inputs, outputs, rule });
  }

  /**
   * Records operations whose activations are not kept for the backward pass: they are made again there, with
   * the same random streams, so that the gradients are the same bit for bit.
   *
   * @param operation for messages.
   * @param body records the operations, the same whenever it is called, and returns what they make.
   */
  recompute(operation: string, body: () => Tensor): Tensor {
    const streams = this.#streams;
    const { output, rules } = this.#rulesOf(body);
    const made = new Set(rules.flatMap(({ outputs }) => outputs));
    const used = new Set(rules.flatMap(({ inputs }) => inputs));
    this.differentiate(operation, [...used.difference(made)], [output], (gradients) => {
      const later = this.#streams;
      this.#streams = streams;
      const again = this.#rulesOf(body);
      this.#streams = later;
      gradients.give(again.output, gradients.of(output));
      this.#walk(again.rules, gradients);
    });
    return output;
  }

  /** Records `body` and takes its rules out of the tape's. */
  #rulesOf(body: () => Tensor): { readonly output: Tensor; readonly rules: readonly Rule[] } {
    const first = this.#rules.length;
    const output = body();
    return { output, rules: this.#rules.splice(first) };
  }

  /**
   * Records the backward pass of a weighted sum of losses.
   *
   * @param parameterGradient finds where a parameter's gradient is stored.
   * @param accumulate adds to the gradients of parameters that are there, so that parts of a batch add up.
   * @returns the gradients, so that a caller can see which parameters were reached.
   * @throws {ModelError} naming the operation, where something on the way cannot be differentiated.
   */
  backward(
    losses: readonly WeightedLoss[],
    parameterGradient: (parameter: Tensor) => Tensor,
    accumulate = false,
  ): Gradients {
    if (this.#differentiated) throw new ModelError("backward was recorded already on this tape");
    const made = new Set(this.#rules.flatMap((rule) => rule.rule ? rule.outputs : []));
    for (const { loss } of losses) {
      // A loss of frozen inputs alone moves nothing.
      if (!made.has(loss) && !this.#still.has(loss)) {
        const producer = this.#producers.get(loss);
        throw new ModelError(
          `cannot differentiate ${loss}: ` +
            (producer ? `${producer} has no gradient` : "no operation of this tape makes it"),
        );
      }
    }
    this.#differentiated = true;
    this.#phase = "backward";
    const gradients = new Gradients(this, losses, parameterGradient, accumulate);
    this.#walk(this.#rules, gradients);
    return gradients;
  }

  /** Applies rules from the last to the first. */
  #walk(rules: readonly Rule[], gradients: Gradients): void {
    for (const { operation, inputs, outputs, rule } of rules.toReversed()) {
      if (!outputs.some((output) => gradients.reaches(output))) continue;
      if (rule) {
        rule(gradients);
      } else {
        throw new ModelError(
          `cannot differentiate through ${operation} (inputs ${inputs.join(", ")})`,
        );
      }
    }
  }
}

/**
 * Refuses a dispatch that WebGPU cannot hold: implementations drop it, some without a word.
 *
 * @throws {ModelError} naming the operation and what is too large.
 */
function requireDispatch(
  operation: string,
  { kernel, label, workgroups, bindings }: KernelLaunch,
): void {
  if (!workgroups.every((count) => count >= 1 && count <= MOST_WORKGROUPS)) {
    throw new ModelError(
      `${operation}: a grid of ${workgroups.join(" × ")} workgroups (${kernel} ${label}) is more ` +
        `than ${MOST_WORKGROUPS} along an axis: use a smaller batch or a shorter sequence`,
    );
  }
  for (const { name, elements } of bindings) {
    if (elements > MOST_ELEMENTS) {
      throw new ModelError(
        `${operation}: ${name} would hold ${elements} elements (${kernel} ${label}), more than ` +
          `${MOST_ELEMENTS}: use a smaller batch or a shorter sequence`,
      );
    }
  }
}
