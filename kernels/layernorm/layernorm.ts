/**
 * Layernorm (Ba et al., 2016), alone or joined with the residual connection and dropout of a post-norm
 * transformer block.
 *
 * @module
 */
import {
  type Binding,
  bytesPerElement,
  declareBindings,
  declareParams,
  type KernelLaunch,
  type KernelProgram,
  requireDimensions,
  singleLaunch,
  specialise,
  spreadWorkgroups,
} from "../launch.ts";
import { dropoutThreshold, randomLibrary, stepStateBinding } from "../random/random.ts";
import { groupRows, sumLaunch } from "../reduce/column_sum.ts";
import { unroll } from "../unroll.ts";
import backwardSource from "./layernorm_backward.wgsl" with { type: "text" };
import forwardSource from "./layernorm_forward.wgsl" with { type: "text" };
import weightSource from "./layernorm_weight_gradient.wgsl" with { type: "text" };

/** A layernorm over rows. */
export interface LayerNormSpec {
  /** Rows. */
  readonly rows: number;
  /** Columns, over which each row is normalised. */
  readonly columns: number;
  /** Added to the variance; f32 honours any value from 1e-38 up where the variance is as small. */
  readonly epsilon: number;
  /** Adds a residual to the hidden states before normalising. */
  readonly residual: boolean;
  /** Dropout rate of the hidden states before the residual is added; 0 by default. */
  readonly dropout?: number;
  /** Random stream of the dropout. */
  readonly stream?: number;
  /** Storage of activations; f32 by default. */
  readonly storage?: "f32" | "f16";
}

/** What the backward pass adds to instead of overwriting. */
export interface LayerNormBackwardSpec extends LayerNormSpec {
  /** Adds to the hidden gradient. */
  readonly accumulateHidden?: boolean;
  /** Adds to the residual's gradient. */
  readonly accumulateResidual?: boolean;
  /** Adds to the gradients of weight and bias. */
  readonly accumulateWeight?: boolean;
}

/**
 * output = (sum − mean)·rstd·weight + bias, sum = hidden or residual + dropout(hidden).
 *
 * Bindings: hidden, [residual], weight f32, bias f32, [stepState], [sum], output, statistics f32
 * [rows, 2] (mean, rstd).
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function layerNormForward(spec: LayerNormSpec): KernelProgram {
  const { rows, columns, epsilon, residual, storage = "f32" } = spec;
  requireDimensions("layerNorm", { rows, columns });
  const elements = rows * columns;
  const drops = residual && (spec.dropout ?? 0) > 0;
  const bindings: Binding[] = [
    { name: "hidden", access: "read", dtype: storage, elements },
    ...(residual ? [{ name: "residual", access: "read", dtype: storage, elements } as const] : []),
    { name: "weight", access: "read", dtype: "f32", elements: columns },
    { name: "bias", access: "read", dtype: "f32", elements: columns },
    ...(drops ? [stepStateBinding] : []),
    // Written first and read again by the same invocation.
    ...(residual ? [{ name: "sum", access: "write", dtype: storage, elements } as const] : []),
    { name: "output", access: "write", dtype: storage, elements },
    { name: "statistics", access: "write", dtype: "f32", elements: 2 * rows },
  ];
  const body = forwardSource.replaceAll("SUM", residual ? "sum" : "hidden");
  return singleLaunch({
    kernel: "layernorm",
    label: `${rows}×${columns}${residual ? " residual" : ""}${drops ? " dropout" : ""}`,
    wgsl: specialise(unroll(body, { DROPOUT: Number(drops), RESIDUAL: Number(residual) }), {
      ...prelude(spec, bindings, drops),
      constants: { ROWS: rows, COLUMNS: columns, EPSILON: { f32: epsilon }, ...keep(spec, drops) },
    }),
    bindings,
    ...(drops ? { params: Uint32Array.of(spec.stream ?? 0, 0, 0, 0) } : {}),
    workgroups: spreadWorkgroups(Math.ceil(rows / 64)),
    cost: { flops: 8 * elements, bytes: bytesPerElement(storage) * elements * (residual ? 4 : 2) },
  });
}

/**
 * Gradients of {@link layerNormForward}.
 *
 * Bindings: outputGradient, sum (the hidden states where there is no residual), weight, statistics,
 * [stepState], hiddenGradient, [residualGradient], weightGradient f32, biasGradient f32.
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function layerNormBackward(spec: LayerNormBackwardSpec): KernelProgram {
  const { rows, columns, residual, storage = "f32", accumulateWeight = false } = spec;
  requireDimensions("layerNormBackward", { rows, columns });
  const perGroup = groupRows(rows);
  const groups = Math.ceil(rows / perGroup);
  const partials = weightPartials(spec, perGroup, groups);
  const reduce = (partial: string, output: string): KernelLaunch =>
    sumLaunch(partial, output, groups, columns, groups, accumulateWeight, "f32");
  const scratch = (name: string): KernelProgram["scratch"][number] => ({
    name,
    dtype: "f32",
    elements: groups * columns,
  });
  const elements = rows * columns;
  const drops = residual && (spec.dropout ?? 0) > 0;
  const bindings: Binding[] = [
    { name: "outputGradient", access: "read", dtype: storage, elements },
    { name: "sum", access: "read", dtype: storage, elements },
    { name: "weight", access: "read", dtype: "f32", elements: columns },
    { name: "statistics", access: "read", dtype: "f32", elements: 2 * rows },
    ...(drops ? [stepStateBinding] : []),
    {
      name: "hiddenGradient",
      access: spec.accumulateHidden ? "read_write" : "write",
      dtype: storage,
      elements,
    },
  ];
  if (residual) {
    const access = spec.accumulateResidual ? "read_write" : "write";
    bindings.push({ name: "residualGradient", access, dtype: storage, elements });
  }
  const names = {
    DROPOUT: Number(drops),
    RESIDUAL: Number(residual),
    ACCUMULATE_RESIDUAL: Number(spec.accumulateResidual ?? false),
    WRITE_RESIDUAL: Number(!spec.accumulateResidual),
    ACCUMULATE_HIDDEN: Number(spec.accumulateHidden ?? false),
  };
  const input: KernelLaunch = {
    kernel: "layernorm_backward",
    label: `${rows}×${columns}${residual ? " residual" : ""}${drops ? " dropout" : ""}`,
    wgsl: specialise(unroll(backwardSource, names), {
      ...prelude(spec, bindings, drops),
      constants: { ROWS: rows, COLUMNS: columns, ...keep(spec, drops) },
    }),
    bindings,
    ...(drops ? { params: Uint32Array.of(spec.stream ?? 0, 0, 0, 0) } : {}),
    workgroups: spreadWorkgroups(Math.ceil(rows / 64)),
    cost: {
      flops: 14 * elements,
      bytes: bytesPerElement(storage) * elements * (residual ? 4 : 3),
    },
  };
  return {
    launches: [
      input,
      partials,
      reduce("weightPartial", "weightGradient"),
      reduce("biasPartial", "biasGradient"),
    ],
    scratch: [scratch("weightPartial"), scratch("biasPartial")],
  };
}

function weightPartials(spec: LayerNormSpec, perGroup: number, groups: number): KernelLaunch {
  const { rows, columns, storage = "f32" } = spec;
  const elements = rows * columns, partial = groups * columns;
  const bindings: Binding[] = [
    { name: "outputGradient", access: "read", dtype: storage, elements },
    { name: "sum", access: "read", dtype: storage, elements },
    { name: "statistics", access: "read", dtype: "f32", elements: 2 * rows },
    { name: "weightPartial", access: "write", dtype: "f32", elements: partial },
    { name: "biasPartial", access: "write", dtype: "f32", elements: partial },
  ];
  return {
    kernel: "layernorm_weight_gradient",
    label: `${rows}×${columns}`,
    wgsl: specialise(weightSource, {
      ...prelude(spec, bindings, false),
      constants: { ROWS: rows, COLUMNS: columns, GROUP_ROWS: perGroup },
    }),
    bindings,
    workgroups: [Math.ceil(columns / 64), groups, 1],
    cost: { flops: 5 * elements, bytes: bytesPerElement(storage) * 2 * elements + 8 * partial },
  };
}

function prelude(
  { storage = "f32" }: LayerNormSpec,
  bindings: readonly Binding[],
  drops: boolean,
): { enables: string[]; aliases: Record<string, string>; libraries: string[] } {
  return {
    enables: storage === "f16" ? ["f16"] : [],
    aliases: { Elem: storage },
    libraries: drops
      ? [randomLibrary, declareBindings(bindings), declareParams(bindings.length)]
      : [declareBindings(bindings)],
  };
}

function keep(
  { dropout = 0 }: LayerNormSpec,
  drops: boolean,
): Record<string, number | { f32: number }> {
  if (!drops) return {};
  return { THRESHOLD: dropoutThreshold(dropout), KEEP_SCALE: { f32: 1 / (1 - dropout) } };
}
