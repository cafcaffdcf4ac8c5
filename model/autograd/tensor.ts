/**
 * Tensors of a plan: shapes and names, no data. Where the bytes live is decided when a plan is compiled.
 *
 * @module
 */
import type { DType } from "../../kernels/launch.ts";

/** What a tensor is for, which decides who gives it memory and for how long. */
export type TensorRole =
  | "input" // written by the host before each step
  | "activation" // made within a step; memory is shared by lifetime unless the tape keeps it
  | "state" // kept between steps in memory that the caller gives; plans may share it
  | "parameter" // lives in the parameter store
  | "gradient"; // of a parameter; lives in the parameter store

let nextId = 0;

/** A named, shaped value, or a view of a run of another's elements. */
export class Tensor {
  /** Unique in this program. */
  readonly id: number = nextId++;

  /**
   * A tensor, or with `view` a view.
   *
   * @param name for people: operation and layer, or the parameter's name.
   * @param shape positive integers; row-major.
   * @param dtype element type.
   * @param role who gives it memory.
   * @param requiresGradient whether losses are differentiated with respect to it; follows from the inputs of
   * the operation that makes it.
   * @param view the tensor it is part of and the element at which it starts there.
   */
  constructor(
    readonly name: string,
    readonly shape: readonly number[],
    readonly dtype: DType,
    readonly role: TensorRole,
    public requiresGradient: boolean = false,
    readonly view?: { readonly base: Tensor; readonly offset: number },
  ) {}

  /** Number of elements. */
  get elements(): number {
    return this.shape.reduce((product, dimension) => product * dimension, 1);
  }

  /** Length of the last axis. */
  get columns(): number {
    return this.shape[this.shape.length - 1];
  }

  /** Number of rows when all axes but the last are taken as one. */
  get rows(): number {
    return this.elements / this.columns;
  }

  /** "name [2×3×4] f32", for messages. */
  toString(): string {
    return `${this.name} [${this.shape.join("×")}] ${this.dtype}`;
  }
}
