/**
 * Functions of single elements: addition, multiplication, casting, filling, dropout.
 *
 * @module
 */
import {
  bytesPerElement,
  type KernelProgram,
  type Prelude,
  requireDimensions,
  singleLaunch,
  spreadWorkgroups,
} from "../launch.ts";
import { dropoutThreshold, randomLibrary } from "../random/random.ts";
import addPage from "./add.wgsl" with { type: "text" };
import castPage from "./cast.wgsl" with { type: "text" };
import dropoutPage from "./dropout.wgsl" with { type: "text" };
import source from "./elementwise.wgsl" with { type: "text" };
import fillPage from "./fill.wgsl" with { type: "text" };
import multiplyPage from "./multiply.wgsl" with { type: "text" };

/** Size and storage of an elementwise kernel. */
export interface ElementwiseSpec {
  /** Elements. */
  readonly elements: number;
  /** Adds to the output. */
  readonly accumulate?: boolean;
  /** Storage of all tensors; f32 by default. */
  readonly storage?: "f32" | "f16";
}

interface Body {
  readonly kernel: string;
  /** The page that defines the function. */
  readonly page: string;
  /** How many inputs the page binds. */
  readonly inputs: number;
  readonly constants?: Prelude["constants"];
  readonly flops: number;
  readonly stream?: number;
  /** Storage of the inputs, where it is not the output's. */
  readonly inputStorage?: "f32" | "f16";
}

function elementwise(spec: ElementwiseSpec, body: Body): KernelProgram {
  const { elements, accumulate = false, storage = "f32" } = spec;
  const { kernel, page, inputs, constants, flops, stream, inputStorage = storage } = body;
  requireDimensions(kernel, { elements });
  const vectors = elements % 4 === 0, lanes = vectors ? 4 : 1;
  const typeOf = (dtype: string): string => vectors ? `vec4<${dtype}>` : dtype;
  return singleLaunch({
    kernel,
    label: `${elements}`,
    files: [...(stream !== undefined ? [randomLibrary] : []), page, source],
    aliases: { Value: typeOf("f32"), Input: typeOf(inputStorage), Stored: typeOf(storage) },
    constants,
    options: { VECTORS: vectors, ACCUMULATE: accumulate },
    elements: { a: elements, b: elements, input: elements, output: elements },
    params: { values: elements / lanes, stream: stream ?? 0 },
    workgroups: spreadWorkgroups(Math.ceil(elements / lanes / 64)),
    flops: flops * elements,
    bytes: bytesPerElement(inputStorage) * elements * inputs +
      bytesPerElement(storage) * elements * (1 + Number(accumulate)),
  });
}

/** output = a + b. Bindings: a, b, output. */
export function add(spec: ElementwiseSpec): KernelProgram {
  return elementwise(spec, { kernel: "add", page: addPage, inputs: 2, flops: 1 });
}

/** output = a · b, element by element. Bindings: a, b, output. */
export function multiply(spec: ElementwiseSpec): KernelProgram {
  return elementwise(spec, { kernel: "multiply", page: multiplyPage, inputs: 2, flops: 1 });
}

/** output = input in another storage. Bindings: input in `from`, output in `storage`. */
export function cast(spec: ElementwiseSpec & { readonly from: "f32" | "f16" }): KernelProgram {
  const inputStorage = spec.from;
  return elementwise(spec, {
    kernel: "cast",
    page: castPage,
    inputs: 1,
    flops: 0,
    inputStorage,
  });
}

/** output = value. Binding: output. */
export function fill(spec: ElementwiseSpec & { readonly value: number }): KernelProgram {
  const constants = { CONSTANT: { f32: spec.value } };
  return elementwise(spec, { kernel: "fill", page: fillPage, inputs: 0, constants, flops: 0 });
}

/**
 * Drops elements whose random word lies below the rate's threshold and scales up the rest; its own
 * backward. Bindings: input, stepState, output.
 *
 * @param spec.rate in (0, 1).
 * @param spec.stream the random stream.
 */
export function dropout(
  spec: ElementwiseSpec & { readonly rate: number; readonly stream: number },
): KernelProgram {
  const { rate, stream } = spec;
  return elementwise(spec, {
    kernel: "dropout",
    page: dropoutPage,
    inputs: 1,
    constants: { THRESHOLD: dropoutThreshold(rate), KEEP_SCALE: { f32: 1 / (1 - rate) } },
    flops: 1,
    stream,
  });
}
