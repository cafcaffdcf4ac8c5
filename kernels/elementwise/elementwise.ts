/**
 * Functions of single elements: addition, multiplication, scaling, filling, dropout.
 *
 * @module
 */
import {
  type Binding,
  bytesPerElement,
  declareBindings,
  declareParams,
  type KernelProgram,
  paramWords,
  requireDimensions,
  singleLaunch,
  specialise,
  spreadWorkgroups,
} from "../launch.ts";
import { dropoutThreshold, randomLibrary, stepStateBinding } from "../random/random.ts";
import { unroll } from "../unroll.ts";
import source from "./elementwise.wgsl" with { type: "text" };

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
  readonly inputs: readonly string[];
  readonly output: string;
  /** WGSL expression of the `Value` at `i`: four elements where they fall into vec4s, else one. */
  readonly expression: string;
  readonly flops: number;
  readonly stream?: number;
  /** Storage of the inputs, where it is not the output's. */
  readonly inputStorage?: "f32" | "f16";
}

function elementwise(spec: ElementwiseSpec, body: Body): KernelProgram {
  const { elements, accumulate = false, storage = "f32" } = spec;
  const { kernel, inputs, output, expression, flops, stream, inputStorage = storage } = body;
  requireDimensions(kernel, { elements });
  const bindings: Binding[] = [
    ...inputs.map((name) => ({ name, access: "read", dtype: inputStorage, elements }) as const),
    ...(stream !== undefined ? [stepStateBinding] : []),
    { name: output, access: accumulate ? "read_write" : "write", dtype: storage, elements },
  ];
  const vectors = elements % 4 === 0, lanes = vectors ? 4 : 1;
  const typeOf = (dtype: string): string => vectors ? `vec4<${dtype}>` : dtype;
  const types = Object.fromEntries([
    ...inputs.map((name) => [name, typeOf(inputStorage)]),
    [output, typeOf(storage)],
  ]);
  const words = vectors ? "random_words" : "random_word";
  const text = unroll(source, { ACCUMULATE: Number(accumulate) }).replaceAll("OUTPUT", output);
  const wgsl = specialise(text, {
    enables: storage === "f16" || inputStorage === "f16" ? ["f16"] : [],
    aliases: { Value: typeOf("f32"), Stored: typeOf(storage), Words: typeOf("u32") },
    libraries: [
      ...(stream !== undefined ? [randomLibrary] : []),
      declareBindings(bindings, types),
      declareParams(bindings.length),
      ...(stream !== undefined
        ? [
          "fn words_of(i: u32) -> Words {" +
          ` return ${words}(stepState.seed, params.stream, stepState.step, i); }`,
        ]
        : []),
      `fn function_of(i: u32) -> Value { return ${expression}; }`,
    ],
  });
  return singleLaunch({
    kernel,
    label: `${elements}`,
    wgsl,
    bindings,
    params: paramWords(kernel, wgsl, { values: elements / lanes, stream: stream ?? 0 }),
    workgroups: spreadWorkgroups(Math.ceil(elements / lanes / 64)),
    cost: {
      flops: flops * elements,
      bytes: bytesPerElement(inputStorage) * elements * inputs.length +
        bytesPerElement(storage) * elements * (1 + Number(accumulate)),
    },
  });
}

/** output = a + b. Bindings: a, b, output. */
export function add(spec: ElementwiseSpec): KernelProgram {
  return elementwise(spec, {
    kernel: "add",
    inputs: ["a", "b"],
    output: "output",
    expression: "Value(a[i]) + Value(b[i])",
    flops: 1,
  });
}

/** output = a · b, element by element. Bindings: a, b, output. */
export function multiply(spec: ElementwiseSpec): KernelProgram {
  return elementwise(spec, {
    kernel: "multiply",
    inputs: ["a", "b"],
    output: "output",
    expression: "Value(a[i]) * Value(b[i])",
    flops: 1,
  });
}

/** output = factor · input. Bindings: input, output. */
export function scale(spec: ElementwiseSpec & { readonly factor: number }): KernelProgram {
  return elementwise(spec, {
    kernel: "scale",
    inputs: ["input"],
    output: "output",
    expression: `${Math.fround(spec.factor)} * Value(input[i])`,
    flops: 1,
  });
}

/** output = input in another storage. Bindings: input in `from`, output in `storage`. */
export function cast(spec: ElementwiseSpec & { readonly from: "f32" | "f16" }): KernelProgram {
  return elementwise(spec, {
    kernel: "cast",
    inputs: ["input"],
    output: "output",
    expression: "Value(input[i])",
    flops: 0,
    inputStorage: spec.from,
  });
}

/** output = value. Binding: output. */
export function fill(spec: ElementwiseSpec & { readonly value: number }): KernelProgram {
  return elementwise(spec, {
    kernel: "fill",
    inputs: [],
    output: "output",
    expression: `Value(${Math.fround(spec.value)})`,
    flops: 0,
  });
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
    inputs: ["input"],
    output: "output",
    expression: `select(Value(), Value(input[i]) * ${Math.fround(1 / (1 - rate))}, ` +
      `words_of(i) >= Words(${dropoutThreshold(rate)}u))`,
    flops: 1,
    stream,
  });
}
