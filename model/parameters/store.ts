/**
 * Parameters in flat storage: values, gradients and the optimizer's moments each in a few large buffers, so
 * that an update is one dispatch a buffer.
 *
 * @module
 */
import type { Gpu } from "../../kernels/device.ts";
import { owner } from "../autograd/memory.ts";
import type { Location, ParameterMemory } from "../autograd/plan.ts";
import { readBuffer } from "../autograd/readback.ts";
import { Tensor } from "../autograd/tensor.ts";
import { ModelError } from "../errors.ts";

/** Elements at which a parameter may start: 256 bytes, WebGPU's coarsest binding alignment. */
const ALIGNMENT = 64;

/** Elements that parameters share a flat buffer up to: 128 MB, the least that every WebGPU device binds. */
const MAX_CHUNK_ELEMENTS = 1 << 25;

/** How a parameter starts. */
export type Initializer =
  | { readonly kind: "truncated normal"; readonly deviation: number }
  | { readonly kind: "glorot uniform" }
  | { readonly kind: "constant"; readonly value: number };

/** How a parameter is trained. */
export interface ParameterSettings {
  /** Multiplies the learning rate; 1 by default. */
  readonly learningRate?: number;
  /** Keeps its value: no gradient is made for it, and the optimizer keeps nothing of it. */
  readonly frozen?: boolean;
}

/** What is said of a parameter where it is declared. */
export interface ParameterDeclaration extends ParameterSettings {
  /** Its name in checkpoints; several names are equal parts along the first axis, stored as one matrix. */
  readonly name: string | readonly string[];
  /** Shape of the whole. */
  readonly shape: readonly number[];
  /** How it starts. */
  readonly initializer: Initializer;
  /** Whether weight decay applies. */
  readonly decays: boolean;
}

/** A run of a parameter's rows that carries a name of its own in checkpoints. */
export interface ParameterPart {
  /** Name in the Hugging Face state dict, perhaps with a prefix that says which model it is of. */
  readonly name: string;
  /** Shape in the state dict. */
  readonly shape: readonly number[];
}

/** A declared parameter. */
export interface Parameter {
  /** Its value. */
  readonly value: Tensor;
  /** Its gradient; a frozen one has none. */
  readonly gradient: Tensor | undefined;
  /** Names and shapes in checkpoints, in storage order; one unless several are fused. */
  readonly parts: readonly ParameterPart[];
  /** How it starts. */
  readonly initializer: Initializer;
  /** Whether weight decay applies. */
  readonly decays: boolean;
  /** Multiplies the learning rate. */
  readonly learningRate: number;
}

/** A flat store: "parameters", "gradients", or a moment by the name that the optimizer gives it. */
export type StoreKind = string;

/** Flat buffers of up to 2²⁵ elements, or of one parameter that has more; all trained or all frozen. */
export class Chunk {
  readonly #tensors = new Map<StoreKind, Tensor>();
  #elements = 0;

  /**
   * An empty chunk.
   *
   * @param index its number, for labels.
   * @param trained whether it has gradients and moments.
   */
  constructor(readonly index: number, readonly trained: boolean) {}

  /** Elements, gaps included. */
  get elements(): number {
    return this.#elements;
  }

  /** Whether so many more elements fit in. */
  hasRoom(elements: number): boolean {
    return this.#elements + elements <= MAX_CHUNK_ELEMENTS;
  }

  /** Takes room for a parameter and returns its first element. */
  take(elements: number): number {
    const first = this.#elements;
    this.#elements += elements;
    return first;
  }

  /** One of the flat stores as a tensor, for the optimizer's kernels: f32 [elements]. */
  tensor(kind: StoreKind): Tensor {
    return this.#tensor(kind, `all ${kind} ${this.index}`, [this.#elements]);
  }

  /** Learning-rate multiplier and weight decay for each block of 64 elements: f32 [elements / 64, 2]. */
  get groups(): Tensor {
    return this.#tensor("groups", `groups ${this.index}`, [this.#elements / ALIGNMENT, 2]);
  }

  #tensor(key: string, name: string, shape: readonly number[]): Tensor {
    let tensor = this.#tensors.get(key);
    if (!tensor) {
      tensor = new Tensor(name, shape, "f32", "parameter");
      this.#tensors.set(key, tensor);
    }
    return tensor;
  }
}
/** What a device allows of a flat buffer, in bytes. */
export interface ParameterLimits {
  /** What one binding may hold. */
  readonly maxStorageBufferBindingSize: number;
  /** What one buffer may hold; no limit by default. */
  readonly maxBufferSize?: number;
}

interface Slot {
  readonly chunk: Chunk;
  readonly element: number;
}

/** What training needs beside the parameters' values. */
export interface TrainingMemory {
  /** Names of the optimizer's moments. */
  readonly moments: readonly string[];
  /** The decay of parameters that decay; 0 by default. */
  readonly weightDecay?: number;
}

/** Declares parameters, gives them device memory, reads and writes them. */
export class ParameterStore implements ParameterMemory {
  readonly #parameters: Parameter[] = [];
  readonly #byTensor = new Map<Tensor, Parameter>();
  readonly #slots = new Map<Parameter, Slot>();
  readonly #chunks: Chunk[] = [];
  readonly #buffers = new Map<Tensor, GPUBuffer>();
  #laidOut = false;
  #gpu: Gpu | undefined;

  /**
   * Declares a parameter.
   *
   * @throws {ModelError} when the names do not divide the first axis, or the stores are laid out already.
   */
  declare(declaration: ParameterDeclaration): Parameter {
    const { shape, initializer, decays, learningRate = 1, frozen = false } = declaration;
    const names = [declaration.name].flat() as string[];
    const name = names.join(" + ");
    if (this.#laidOut) throw new ModelError(`${name} is declared after the stores were laid out`);
    const value = new Tensor(name, shape, "f32", "parameter", !frozen);
    const rows = shape[0] / names.length;
    if (!Number.isInteger(rows)) {
      throw new ModelError(`${names.length} names do not divide the first axis of ${value}`);
    }
    const size = Math.ceil(value.elements / ALIGNMENT) * ALIGNMENT;
    const gradient = frozen
      ? undefined
      : new Tensor(`gradient of ${name}`, shape, "f32", "gradient");
    const parts = names.map((part) => ({ name: part, shape: [rows, ...shape.slice(1)] }));
    const parameter = { value, gradient, parts, initializer, decays, learningRate };
    let chunk = this.#chunks.findLast(({ trained }) => trained !== frozen);
    if (!chunk?.hasRoom(size)) {
      chunk = new Chunk(this.#chunks.length, !frozen);
      this.#chunks.push(chunk);
    }
    this.#slots.set(parameter, { chunk, element: chunk.take(size) });
    this.#parameters.push(parameter);
    this.#byTensor.set(value, parameter);
    if (gradient) this.#byTensor.set(gradient, parameter);
    return parameter;
  }

  /** All parameters in the order of their declaration. */
  get parameters(): readonly Parameter[] {
    return this.#parameters;
  }

  /** The parameters that a kind of store holds: frozen ones have no gradients and no moments. */
  parametersOf(kind: StoreKind): readonly Parameter[] {
    return kind === "parameters"
      ? this.#parameters
      : this.#parameters.filter(({ gradient }) => gradient);
  }

  /** The flat stores; the first look lays them out, after which no parameter may be declared. */
  get chunks(): readonly Chunk[] {
    this.#laidOut = true;
    return this.#chunks;
  }

  /** The flat stores of what is trained. */
  get trainedChunks(): readonly Chunk[] {
    return this.chunks.filter(({ trained }) => trained);
  }

  /**
   * Refuses a device that cannot bind the largest parameter.
   *
   * @param limits of the device.
   * @throws {ModelError} naming the parameter, both sizes and what to do.
   */
  requireBindable(limits: ParameterLimits): void {
    const { maxStorageBufferBindingSize, maxBufferSize = Infinity } = limits;
    const most = Math.min(maxStorageBufferBindingSize, maxBufferSize);
    for (const { value } of this.#parameters) {
      const bytes = 4 * Math.ceil(value.elements / ALIGNMENT) * ALIGNMENT;
      if (bytes > most) {
        const megabytes = (count: number): string => `${Math.ceil(count / 2 ** 20)} MB`;
        throw new ModelError(
          `parameter ${value} takes ${megabytes(bytes)}, but the adapter binds at most ` +
            `${
              megabytes(most)
            }: use a smaller vocabulary or narrower embeddings, or another adapter`,
        );
      }
    }
  }

  /**
   * The gradient tensor of a parameter's value.
   *
   * @throws {ModelError} for a tensor that is no trained parameter of this store.
   */
  gradientOf(value: Tensor): Tensor {
    const gradient = this.#byTensor.get(value)?.gradient;
    if (!gradient) throw new ModelError(`${value} is not trained, so it has no gradient`);
    return gradient;
  }

  /**
   * Makes device memory.
   *
   * @param training what training needs; left out, the store holds values alone.
   * @throws {ModelError} when the device cannot bind a parameter, or the store has memory already.
   */
  allocate(gpu: Gpu, training?: TrainingMemory): void {
    if (this.#gpu) throw new ModelError("the parameter store is allocated already");
    this.requireBindable(gpu.limits);
    this.#gpu = gpu;
    for (const chunk of this.chunks) {
      this.#makeBuffer(gpu, chunk.tensor("parameters"));
      if (!training || !chunk.trained) continue;
      for (const kind of ["gradients", ...training.moments]) {
        this.#makeBuffer(gpu, chunk.tensor(kind));
      }
      const groups = this.#makeBuffer(gpu, chunk.groups);
      gpu.device.queue.writeBuffer(groups, 0, this.#groupsOf(chunk, training.weightDecay ?? 0));
    }
  }

  /** The optimizer's settings by blocks of 64 elements. */
  #groupsOf(wanted: Chunk, weightDecay: number): Float32Array<ArrayBuffer> {
    const table = new Float32Array(wanted.groups.elements);
    for (const [{ value, learningRate, decays }, { chunk, element }] of this.#slots) {
      if (chunk !== wanted) continue;
      const first = element / ALIGNMENT;
      const end = first + Math.ceil(value.elements / ALIGNMENT);
      for (let block = first; block < end; block++) {
        table[2 * block] = learningRate;
        table[2 * block + 1] = decays ? weightDecay : 0;
      }
    }
    return table;
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

  /** The flat buffers of a kind, for what works on all of them: clearing, adding up between devices. */
  buffersOf(kind: StoreKind): GPUBuffer[] {
    const chunks = kind === "parameters" ? this.chunks : this.trainedChunks;
    return chunks.map((chunk) => this.#bufferOf(chunk, kind));
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
    return { buffer: this.#bufferOf(chunk, kind), offset: element * 4 };
  }

  #bufferOf(chunk: Chunk, kind: StoreKind): GPUBuffer {
    const buffer = this.#buffers.get(chunk.tensor(kind));
    if (!buffer) throw new ModelError(`the parameter store has no device memory for ${kind}`);
    return buffer;
  }

  /** Queues new contents for a whole parameter (or its moments). */
  write(parameter: Parameter, kind: StoreKind, data: Float32Array<ArrayBuffer>): void {
    if (data.length !== parameter.value.elements) {
      throw new ModelError(`${parameter.value} is given ${data.length} elements`);
    }
    const { buffer, offset } = this.#locate(parameter, kind);
    this.#gpu!.device.queue.writeBuffer(buffer, offset, data);
  }

  /** Reads a whole store back: for each parameter that it holds its data, in the order of declaration. */
  async readAll(kind: StoreKind): Promise<Map<Parameter, Float32Array<ArrayBuffer>>> {
    const parameters = this.parametersOf(kind);
    const chunks = new Set(parameters.map((parameter) => this.#slots.get(parameter)!.chunk));
    const contents = new Map(
      await Promise.all([...chunks].map(async (chunk) => {
        const bytes = 4 * chunk.elements;
        const data = await readBuffer(this.#gpu!, this.#bufferOf(chunk, kind), 0, bytes);
        return [chunk, new Float32Array(data)] as const;
      })),
    );
    return new Map(parameters.map((parameter) => {
      const { chunk, element } = this.#slots.get(parameter)!;
      return [parameter, contents.get(chunk)!.slice(element, element + parameter.value.elements)];
    }));
  }

  /** Frees all device memory. */
  destroy(): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
  }
}
