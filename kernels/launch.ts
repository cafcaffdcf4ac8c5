/**
 * What a launcher returns: WGSL made exact for its shapes, and everything needed to run it.
 *
 * A kernel is a `.wgsl` page that a person can read alone; `page.ts` says how it is made exact for widths, tile
 * sizes and storage, and how its bindings are read from it. Lengths (rows, tokens, batch, sequence) are words of
 * a uniform, so that all lengths share one pipeline. A launcher turns shapes into a {@link KernelProgram}: a
 * list of dispatches over named buffers. It never touches a device, so it can be tested, printed and costed
 * without one.
 *
 * @module
 */
import { KernelError } from "./errors.ts";
import { type Access, type DeclaredBinding, type DType, type Prelude, specialise } from "./page.ts";

export type { Access, Constant, DType, Prelude } from "./page.ts";

/** Bytes of one element of a dtype. */
export function bytesPerElement(dtype: DType): number {
  return dtype === "f16" ? 2 : 4;
}

/** One storage buffer a kernel binds, in the order of its `@binding` numbers. */
export interface Binding {
  /** Name in the WGSL file and in the program. */
  readonly name: string;
  /** How the kernel uses it. */
  readonly access: Access;
  /** Element type. */
  readonly dtype: DType;
  /** Number of elements, at least 1. */
  readonly elements: number;
}

/** Work of one dispatch, so that a profile can say how far from the roofline it runs. */
export interface Cost {
  /** Floating-point operations (a multiply-add counts two). */
  readonly flops: number;
  /** Bytes read and written, each element counted once. */
  readonly bytes: number;
}

/** One dispatch: exact WGSL, its bindings, its grid. */
export interface KernelLaunch {
  /** The operation, for instance "matmul". */
  readonly kernel: string;
  /** The variant and shape, for people: "NN 512x256x1024 tile 8x8". */
  readonly label: string;
  /** Complete WGSL with one entry point, `main`. */
  readonly wgsl: string;
  /** Storage buffers at `@group(0) @binding(0…)`. */
  readonly bindings: readonly Binding[];
  /**
   * Words that differ between dispatches of one pipeline: lengths, a random stream, an offset. Bound as a
   * uniform after the last storage binding; a multiple of four words.
   */
  readonly params?: Uint32Array;
  /** Workgroups in x, y, z; each at most 65,535. */
  readonly workgroups: readonly [number, number, number];
  /** Work of this dispatch. */
  readonly cost: Cost;
}

/** A buffer that lives only while its program runs. */
export interface Scratch {
  /** Name by which the launches bind it. */
  readonly name: string;
  /** Element type. */
  readonly dtype: DType;
  /** Number of elements. */
  readonly elements: number;
}

/** Dispatches of an operation over other numbers of rows, so that their pipelines may be compiled early. */
export interface OtherLengths {
  /** The same for operations that differ in their rows alone. */
  readonly key: string;
  /** Makes the dispatches. */
  readonly launches: () => readonly KernelLaunch[];
}

/** An operation: dispatches in order, joined by the names of their bindings. */
export interface KernelProgram {
  /** Dispatches, in order. */
  readonly launches: readonly KernelLaunch[];
  /** Buffers that the dispatches share among themselves. */
  readonly scratch: readonly Scratch[];
  /** What the same operation may dispatch instead over other rows; nothing by default. */
  readonly others?: OtherLengths;
}

/** A program of one dispatch. */
export function singleLaunch(spec: LaunchSpec): KernelProgram {
  return { launches: [launchOf(spec)], scratch: [] };
}

/** Elements that a binding may hold: no adapter binds more than 4 GB, and indices stay far from wrapping. */
export const MOST_ELEMENTS = 2 ** 31;

/** Workgroups along one axis, on every adapter (docs/adapters.md: groups-per-axis). */
export const MOST_WORKGROUPS = 65_535;

/** One dispatch as a launcher describes it: WGSL files, and what makes them exact. */
export interface LaunchSpec extends Prelude {
  /** The operation. */
  readonly kernel: string;
  /** The variant and shape, for people. */
  readonly label: string;
  /** WGSL files: libraries first, the page with the entry point last. */
  readonly files: readonly string[];
  /** Elements of each array that the files bind; names that they do not bind are ignored. */
  readonly elements: Readonly<Record<string, number>>;
  /** Names that the program has for buffers, where they are not those of the files. */
  readonly buffers?: Readonly<Record<string, string>>;
  /** Values of the fields of the files' `struct Params`. */
  readonly params?: Readonly<Record<string, number>>;
  /** Workgroups in x, y, z. */
  readonly workgroups: readonly [number, number, number];
  /** Floating-point operations. */
  readonly flops: number;
  /** Bytes read and written; every element of every binding once by default. */
  readonly bytes?: number;
}

/**
 * Makes a dispatch exact: its text, and its bindings as they stand there.
 *
 * @throws {KernelError} when something that the files list, bind or declare is not given, or an array is too
 * large.
 */
export function launchOf(spec: LaunchSpec): KernelLaunch {
  const { kernel, label, files, buffers = {}, workgroups, flops } = spec;
  const { wgsl, bindings: declared } = specialise(files, spec);
  const bindings = declared.map((binding): Binding => ({
    name: buffers[binding.name] ?? binding.name,
    access: binding.access,
    dtype: binding.dtype,
    elements: elementsOf(kernel, binding, spec.elements),
  }));
  const bytes = bindings.reduce(
    (sum, { dtype, elements }) => sum + bytesPerElement(dtype) * elements,
    0,
  );
  return {
    kernel,
    label,
    wgsl,
    bindings,
    params: spec.params && paramWords(kernel, wgsl, spec.params),
    workgroups,
    cost: { flops, bytes: spec.bytes ?? bytes },
  };
}

function elementsOf(
  kernel: string,
  { name, words }: DeclaredBinding,
  given: Readonly<Record<string, number>>,
): number {
  const elements = words ?? given[name];
  if (elements === undefined) throw new KernelError(`${kernel}: no size is given for ${name}`);
  if (elements > MOST_ELEMENTS) {
    throw new KernelError(
      `${name} would hold ${elements} elements, but 32-bit indices and WebGPU's bindings end at ` +
        `${MOST_ELEMENTS}: use a smaller batch or a shorter sequence`,
    );
  }
  return elements;
}

/**
 * The parameter words of a launch, in the order of the fields of its text's `struct Params`.
 *
 * @param values by field; each fills one word.
 * @throws {KernelError} when a field has no value, a value no field, or a value is no 32-bit unsigned integer.
 */
export function paramWords(
  kernel: string,
  wgsl: string,
  values: Readonly<Record<string, number>>,
): Uint32Array {
  const body = /^struct Params \{\n([^}]*)\}/m.exec(wgsl)?.[1] ?? "";
  const fields = [...body.matchAll(/^ *(\w+): u32,$/gm)].map(([, name]) => name);
  const names = Object.keys(values);
  if (fields.length !== names.length || !fields.every((name) => name in values)) {
    throw new KernelError(`${kernel}: Params are ${fields.join(", ")}, given ${names.join(", ")}`);
  }
  const words = new Uint32Array(4 * Math.ceil(fields.length / 4));
  fields.forEach((name, i) => {
    const value = values[name];
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
      throw new KernelError(`${kernel}: ${name} = ${value} is not a 32-bit unsigned integer`);
    }
    words[i] = value;
  });
  return words;
}

/**
 * Spreads a one-dimensional count of workgroups over x and y, since each holds at most 65,535. The
 * kernel finds its linear index as `workgroup_id.y * num_workgroups.x + workgroup_id.x` and returns where
 * that is past the count.
 *
 * @throws {KernelError} for more than two axes hold.
 */
export function spreadWorkgroups(count: number): [number, number, number] {
  if (count <= MOST_WORKGROUPS) return [Math.max(1, count), 1, 1];
  const rows = Math.ceil(count / MOST_WORKGROUPS);
  if (rows > MOST_WORKGROUPS) {
    throw new KernelError(
      `${count} workgroups are more than the ${MOST_WORKGROUPS}² that a dispatch may have: use a ` +
        "smaller batch or a shorter sequence",
    );
  }
  return [Math.ceil(count / rows), rows, 1];
}

/**
 * Refuses a shape that is not made of positive integers of at most 31 bits.
 *
 * @throws {KernelError} naming the operation and the offending dimension.
 */
export function requireDimensions(
  operation: string,
  dimensions: Readonly<Record<string, number>>,
): void {
  for (const [name, value] of Object.entries(dimensions)) {
    if (!Number.isInteger(value) || value < 1) {
      throw new KernelError(`${operation}: ${name} must be a positive integer, not ${value}`);
    }
    if (value > MOST_ELEMENTS) {
      throw new KernelError(`${operation}: ${name} must be at most ${MOST_ELEMENTS}, not ${value}`);
    }
  }
}
