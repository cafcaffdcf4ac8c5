/**
 * What a launcher returns: WGSL made exact for its shapes, and everything needed to run it.
 *
 * A kernel is a `.wgsl` file that a person can read alone. It is made exact by a prelude put before it:
 * `enable` lines, `alias` lines (storage types) and `const` lines (widths, tile sizes). That prelude is
 * the only mechanism of specialisation. Lengths (rows, tokens, batch, sequence) are words of a uniform, so
 * that all lengths share one pipeline. A launcher turns shapes into a {@link KernelProgram}: a list of
 * dispatches over named buffers. It never touches a device, so it can be tested, printed and costed
 * without one.
 *
 * @module
 */
import { KernelError } from "./errors.ts";

/** Element types of a storage binding. */
export type DType = "f32" | "f16" | "u32" | "i32";

/** Bytes of one element of a dtype. */
export function bytesPerElement(dtype: DType): number {
  return dtype === "f16" ? 2 : 4;
}

/** What a kernel does with a binding: `write` promises that every element is written. */
export type Access = "read" | "write" | "read_write";

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
export function singleLaunch(launch: KernelLaunch): KernelProgram {
  return { launches: [launch], scratch: [] };
}

/** What goes before a `.wgsl` file to make it exact. */
export interface Prelude {
  /** WGSL extensions, for instance "f16". */
  readonly enables?: readonly string[];
  /** Type aliases: name to WGSL type. */
  readonly aliases?: Readonly<Record<string, string>>;
  /**
   * Constants: integers become `u32`, booleans `bool`; write `{ f32: x }` for a float.
   */
  readonly constants?: Readonly<Record<string, number | boolean | { readonly f32: number }>>;
  /** Library files (functions shared by kernels), put between the constants and the file. */
  readonly libraries?: readonly string[];
}

/**
 * Puts a prelude before a kernel's WGSL file.
 *
 * @throws {KernelError} for a constant that is neither a 32-bit unsigned integer nor a finite float.
 */
export function specialise(source: string, prelude: Prelude): string {
  const lines: string[] = [];
  for (const name of prelude.enables ?? []) lines.push(`enable ${name};`);
  for (const [name, type] of Object.entries(prelude.aliases ?? {})) {
    lines.push(`alias ${name} = ${type};`);
  }
  for (const [name, value] of Object.entries(prelude.constants ?? {})) {
    if (typeof value === "boolean") {
      lines.push(`const ${name}: bool = ${value};`);
    } else if (typeof value === "number") {
      if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
        throw new KernelError(`constant ${name} = ${value} is not a 32-bit unsigned integer`);
      }
      lines.push(`const ${name}: u32 = ${value}u;`);
    } else {
      lines.push(`const ${name}: f32 = ${floatLiteral(name, value.f32)};`);
    }
  }
  return [...lines, ...(prelude.libraries ?? []), source].join("\n");
}

function floatLiteral(name: string, value: number): string {
  const rounded = Math.fround(value);
  if (!Number.isFinite(rounded)) throw new KernelError(`constant ${name} = ${value} is not finite`);
  const text = String(rounded);
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}

/** Elements that a binding may hold: no adapter binds more than 4 GB, and indices stay far from wrapping. */
export const MOST_ELEMENTS = 2 ** 31;

/** Workgroups along one axis, on every adapter (docs/adapters.md: groups-per-axis). */
export const MOST_WORKGROUPS = 65_535;

/**
 * The WGSL declarations of bindings: arrays of `types[name]`, or of the binding's own dtype;
 * `stepState` is the struct of random.wgsl.
 */
export function declareBindings(
  bindings: readonly Binding[],
  types: Readonly<Record<string, string>> = {},
): string {
  return bindings.map(({ name, access, dtype, elements }, index) => {
    if (elements > MOST_ELEMENTS) {
      throw new KernelError(
        `${name} would hold ${elements} elements, but 32-bit indices and WebGPU's bindings end at ` +
          `${MOST_ELEMENTS}: use a smaller batch or a shorter sequence`,
      );
    }
    const mode = access === "read" ? "read" : "read_write";
    const type = name === "stepState" ? "StepState" : `array<${types[name] ?? dtype}>`;
    return `@group(0) @binding(${index}) var<storage, ${mode}> ${name}: ${type};`;
  }).join("\n");
}

/**
 * The declaration of a launch's parameter words: a uniform struct `Params` that the kernel defines.
 *
 * @param binding the number after the last storage binding.
 */
export function declareParams(binding: number): string {
  return `@group(0) @binding(${binding}) var<uniform> params: Params;`;
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
