/**
 * Parameters in flat storage: values, gradients and Adam moments each in a few large buffers, so that
 * the optimizer is one dispatch a buffer.
 *
 * @module
 */
import type { Gpu } from "../../kernels/device.ts";
import type { Location, ParameterMemory } from "../autograd/plan.ts";
import { readBuffer } from "../autograd/readback.ts";
import { owner } from "../autograd/memory.ts";
import { Tensor } from "../autograd/tensor.ts";
import { ModelError } from "../errors.ts";

/** Elements at which a parameter may start: 256 bytes, WebGPU's coarsest binding alignment. */
const ALIGNMENT = 64;

/** Elements per flat buffer at most: a quarter gigabyte, the least that every WebGPU device allows. */
const MAX_CHUNK_ELEMENTS = 1 << 25;

/** How a parameter starts. */
export type Initializer =
  | { readonly kind: "truncated normal"; readonly deviation: number }
  | { readonly kind: "glorot uniform" }
  | { readonly kind: "constant"; readonly value: number };

/** A run of a parameter's rows that carries a name of its own in checkpoints. */
export interface ParameterPart {
  /** Name in the Hugging Face state dict, prefixed by "generator." or "discriminator.". */
  readonly name: string;
  /** Shape in the state dict. */
  readonly shape: readonly number[];
}

/** A trained tensor. */
export interface Parameter {
  /** Its value. */
  readonly value: Tensor;
  /** Its gradient. */
  readonly gradient: Tensor;
  /** Names and shapes in checkpoints, in storage order; one unless several are fused. */
  readonly parts: readonly ParameterPart[];
  /** How it starts. */
  readonly initializer: Initializer;
  /** Whether weight decay applies. */
  readonly decays: boolean;
}

/** Which of the four flat stores. */
export type StoreKind = "parameters" | "gradients" | "firstMoment" | "secondMoment";

/** Flat buffers of up to {@link MAX_CHUNK_ELEMENTS} elements. */
export interface Chunk {
  /** Elements, gaps included. */
  readonly elements: number;
  /** The stores as tensors, for the optimizer's kernels. */
  readonly tensors: Readonly<Record<StoreKind, Tensor>>;
  /** Learning-rate multiplier and weight decay for each block of 64 elements. */
  readonly groups: Tensor;
}

/** Names that weight decay leaves alone, as in the original. */
const NO_DECAY = ["LayerNorm", "layer_norm", "bias"];

interface Slot {
  readonly chunk: number;
  readonly element: number;
}

/** Declares parameters, gives them device memory, reads and writes them by name. */
export class ParameterStore implements ParameterMemory {
  readonly #parameters: Parameter[] = [];
  readonly #byTensor = new Map<Tensor, Parameter>();
  readonly #slots = new Map<Parameter, Slot>();
  readonly #chunkElements: number[] = [];
  #chunks: readonly Chunk[] | undefined;
  readonly #buffers = new Map<Tensor, GPUBuffer>();
  #gpu: Gpu | undefined;

  /**
   * Declares a parameter.
   *
   * @param parts names and shapes in checkpoints; several when they are fused along the first axis.
   * @param shape of the whole.
   * @throws {ModelError} when the parts do not fill the shape, it outgrows a buffer, or the stores are
   * laid out already.
   */
  declare(
    parts: readonly ParameterPart[],
    shape: readonly number[],
    initializer: Initializer,
  ): Parameter {
    const name = parts.map((part) => part.name).join(" + ");
    if (this.#chunks) throw new ModelError(`${name} is declared after the stores were laid out`);
    const value = new Tensor(name, shape, "f32", "parameter", true);
    const gradient = new Tensor(`gradient of ${name}`, shape, "f32", "gradient");
    const held = parts.reduce((sum, part) => sum + part.shape.reduce((a, b) => a * b, 1), 0);
    if (held !== value.elements) throw new ModelError(`parts of ${value} hold ${held} elements`);
    const size = Math.ceil(value.elements / ALIGNMENT) * ALIGNMENT;
    if (size > MAX_CHUNK_ELEMENTS) {
      throw new ModelError(`parameter ${value} is larger than ${MAX_CHUNK_ELEMENTS} elements`);
    }
    const decays = !NO_DECAY.some((word) => parts[0].name.includes(word));
    const parameter = { value, gradient, parts, initializer, decays };
    let chunk = this.#chunkElements.length - 1;
    if (chunk < 0 || this.#chunkElements[chunk] + size > MAX_CHUNK_ELEMENTS) {
      chunk = this.#chunkElements.push(0) - 1;
    }
    this.#slots.set(parameter, { chunk, element: this.#chunkElements[chunk] });
    this.#chunkElements[chunk] += size;
    this.#parameters.push(parameter);
    this.#byTensor.set(value, parameter);
    this.#byTensor.set(gradient, parameter);
    return parameter;
  }

  /** All parameters in the order of their declaration. */
  get parameters(): readonly Parameter[] {
    return this.#parameters;
  }

  /** The flat stores; the first look lays them out, after which no parameter may be declared. */
  get chunks(): readonly Chunk[] {
    return this.#chunks ??= this.#chunkElements.map((elements, index) => {
      const make = (name: string, shape: readonly number[]): Tensor =>
        new Tensor(`${name} ${index}`, shape, "f32", "parameter");
      const tensors = {
        parameters: make("all parameters", [elements]),
        gradients: make("all gradients", [elements]),
        firstMoment: make("all firstMoment", [elements]),
        secondMoment: make("all secondMoment", [elements]),
      };
      return { elements, tensors, groups: make("groups", [elements / ALIGNMENT, 2]) };
    });
  }

  /** The gradient tensor of a parameter's value. */
  gradientOf(value: Tensor): Tensor {
    return this.#byTensor.get(value)!.gradient;
  }

  /**
   * Makes device memory.
   *
   * @param weightDecay the decay of parameters that decay.
   * @param learningRateScale a multiplier of the learning rate for each parameter; 1 by default.
   */
  allocate(
    gpu: Gpu,
    options: {
      readonly training: boolean;
      readonly weightDecay?: number;
      readonly learningRateScale?: (parameter: Parameter) => number;
    },
  ): void {
    if (this.#gpu) throw new ModelError("the parameter store is allocated already");
    this.#gpu = gpu;
    const kinds: StoreKind[] = options.training
      ? ["parameters", "gradients", "firstMoment", "secondMoment"]
      : ["parameters"];
    this.chunks.forEach(({ tensors, groups }, index) => {
      for (const kind of kinds) this.#makeBuffer(gpu, tensors[kind]);
      if (!options.training) return;
      const table = new Float32Array(groups.elements);
      for (const parameter of this.#parameters) {
        const slot = this.#slots.get(parameter)!;
        if (slot.chunk !== index) continue;
        const first = slot.element / ALIGNMENT;
        const end = first + Math.ceil(parameter.value.elements / ALIGNMENT);
        for (let block = first; block < end; block++) {
          table[2 * block] = options.learningRateScale?.(parameter) ?? 1;
          table[2 * block + 1] = parameter.decays ? options.weightDecay ?? 0 : 0;
        }
      }
      gpu.device.queue.writeBuffer(this.#makeBuffer(gpu, groups), 0, table);
    });
  }

  #makeBuffer(gpu: Gpu, tensor: Tensor): GPUBuffer {
    const buffer = gpu.device.createBuffer({
      label: tensor.name,
      size: tensor.elements * 4,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    this.#buffers.set(tensor, buffer);
    return buffer;
  }

  /** Bytes of device memory. */
  get bytes(): number {
    let sum = 0;
    for (const buffer of this.#buffers.values()) sum += buffer.size;
    return sum;
  }

  /** The location of a parameter, a gradient or a whole flat store. */
  locate(tensor: Tensor): Location {
    const base = owner(tensor);
    const whole = this.#buffers.get(base);
    if (whole) return { buffer: whole, offset: 0 };
    const parameter = this.#byTensor.get(base);
    if (!parameter) throw new ModelError(`the parameter store does not hold ${tensor}`);
    return this.#locate(parameter, base === parameter.value ? "parameters" : "gradients");
  }

  #locate(parameter: Parameter, kind: StoreKind): Location {
    const { chunk, element } = this.#slots.get(parameter)!;
    const buffer = this.#buffers.get(this.chunks[chunk].tensors[kind]);
    if (!buffer) throw new ModelError(`no device memory for the ${kind} of ${parameter.value}`);
    return { buffer, offset: element * 4 };
  }

  /** Queues new contents for a whole parameter (or its moments). */
  write(parameter: Parameter, kind: StoreKind, data: Float32Array<ArrayBuffer>): void {
    if (data.length !== parameter.value.elements) {
      throw new ModelError(`${parameter.value} is given ${data.length} elements`);
    }
    const { buffer, offset } = this.#locate(parameter, kind);
    this.#gpu!.device.queue.writeBuffer(buffer, offset, data);
  }

  /** Reads a whole store back: for each parameter its data, in the order of declaration. */
  async readAll(kind: StoreKind): Promise<Map<Parameter, Float32Array<ArrayBuffer>>> {
    const chunks = await Promise.all(this.chunks.map(async ({ tensors, elements }) => {
      const buffer = this.#buffers.get(tensors[kind]);
      if (!buffer) throw new ModelError(`the store was allocated without ${kind}`);
      return new Float32Array(await readBuffer(this.#gpu!, buffer, 0, elements * 4));
    }));
    return new Map(this.#parameters.map((parameter) => {
      const { chunk, element } = this.#slots.get(parameter)!;
      return [
        parameter,
        chunks[chunk].slice(element, element + parameter.value.elements),
      ];
    }));
  }

  /** Frees all device memory. */
  destroy(): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
  }
}
