/**
 * Functions of single elements: addition, scaling, filling, GELU, dropout.
 *
 * @module
 */
import geluLibrary from "../gelu/gelu.wgsl" with { type: "text" };
import {
  type Binding,
  bytesPerElement,
  declareBindings,
  declareParams,
  type KernelProgram,
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
  /** WGSL expression of element `i`. */
  readonly expression: string;
  readonly flops: number;
  readonly libraries?: readonly string[];
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
  const text = unroll(source, { ACCUMULATE: Number(accumulate) }).replaceAll("OUTPUT", output);
  return singleLaunch({
    kernel,
    label: `${elements}`,
    wgsl: specialise(text, {
      enables: storage === "f16" || inputStorage === "f16" ? ["f16"] : [],
      aliases: { Elem: storage },
      constants: { ELEMENTS: elements },
      libraries: [
        ...(body.libraries ?? []),
        ...(stream !== undefined ? [randomLibrary, "struct Params { stream: u32 }"] : []),
        declareBindings(bindings),
        ...(stream !== undefined ? [declareParams(bindings.length)] : []),
        `fn function_of(i: u32) -> f32 { return ${expression}; }`,
      ],
    }),
    bindings,
    ...(stream !== undefined ? { params: Uint32Array.of(stream, 0, 0, 0) } : {}),
    workgroups: spreadWorkgroups(Math.ceil(elements / 64)),
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
    expression: "f32(a[i]) + f32(b[i])",
    flops: 1,
  });
}

/** output = factor · input. Bindings: input, output. */
export function scale(spec: ElementwiseSpec & { readonly factor: number }): KernelProgram {
  return elementwise(spec, {
    kernel: "scale",
    inputs: ["input"],
    output: "output",
    expression: `${Math.fround(spec.factor)} * f32(input[i])`,
    flops: 1,
  });
}

/** output = input in another storage. Bindings: input in `from`, output in `storage`. */
export function cast(spec: ElementwiseSpec & { readonly from: "f32" | "f16" }): KernelProgram {
  return elementwise(spec, {
    kernel: "cast",
    inputs: ["input"],
    output: "output",
    expression: "f32(input[i])",
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
    expression: `f32(${Math.fround(spec.value)})`,
    flops: 0,
  });
}

/** output = gelu(input). Bindings: input, output. */
export function geluForward(spec: ElementwiseSpec): KernelProgram {
  return elementwise(spec, {
    kernel: "gelu",
    inputs: ["input"],
    output: "output",
    expression: "gelu(f32(input[i]))",
    flops: 20,
    libraries: [geluLibrary],
  });
}

/** inputGradient = outputGradient · gelu'(input). Bindings: input, outputGradient, inputGradient. */
export function geluBackward(spec: ElementwiseSpec): KernelProgram {
  return elementwise(spec, {
    kernel: "gelu_backward",
    inputs: ["input", "outputGradient"],
    output: "inputGradient",
    expression: "f32(outputGradient[i]) * gelu_derivative(f32(input[i]))",
    flops: 26,
    libraries: [geluLibrary],
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
  const word = "random_word(stepState.seed, params.stream, stepState.step, i)";
  return elementwise(spec, {
    kernel: "dropout",
    inputs: ["input"],
    output: "output",
    expression: `select(0.0, f32(input[i]) * ${Math.fround(1 / (1 - rate))}, ` +
      `${word} >= ${dropoutThreshold(rate)}u)`,
    flops: 1,
    stream,
  });
}
