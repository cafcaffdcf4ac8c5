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
  paramWords,
  type Prelude,
  requireDimensions,
  singleLaunch,
  specialise,
  spreadWorkgroups,
} from "../launch.ts";
import { dropoutThreshold, randomLibrary, stepStateBinding } from "../random/random.ts";
import { type RowLanes, rowLanes, type RowVariant } from "../reduce/lanes.ts";
import { unroll } from "../unroll.ts";
import backwardSource from "./layernorm_backward.wgsl" with { type: "text" };
import backwardLanesSource from "./layernorm_backward_lanes.wgsl" with { type: "text" };
import forwardSource from "./layernorm_forward.wgsl" with { type: "text" };
import forwardLanesSource from "./layernorm_forward_lanes.wgsl" with { type: "text" };
import weightSource from "./layernorm_weight_gradient.wgsl" with { type: "text" };
import weightSumSource from "./layernorm_weight_sum.wgsl" with { type: "text" };

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
  /** The least subgroup size of the device, where it has subgroup operations and they may be used. */
  readonly subgroupSize?: number;
}

/** Rows that a workgroup normalises one after the other, where it shares them among its invocations. */
const ROWS_EACH = 4;

/** Groups of rows whose weight gradients are summed on their own, at most. */
const MOST_GROUPS = 512;

/** Rows of such a group, at least. */
const LEAST_GROUP_ROWS = 16;

/** What the backward pass adds to instead of overwriting. */
export interface LayerNormBackwardSpec extends LayerNormSpec {
  /** Adds to the hidden gradient. */
  readonly accumulateHidden?: boolean;
  /** Adds to the residual's gradient. */
  readonly accumulateResidual?: boolean;
  /** Adds to the gradient of the weight. */
  readonly accumulateWeight?: boolean;
  /** Adds to the gradient of the bias. */
  readonly accumulateBias?: boolean;
}

/**
 * output = (sum − mean)·rstd·weight + bias, sum = hidden or residual + dropout(hidden).
 *
 * Bindings: hidden, [residual], weight f32, bias f32, [stepState], [sum], output, statistics f32
 * [rows, 2] (mean, rstd).
 *
 * @param variant a variant by name; chosen by shape and device where left out.
 * @throws {KernelError} for dimensions that are not positive, or a variant that cannot do them.
 */
export function layerNormForward(spec: LayerNormSpec, variant?: RowVariant): KernelProgram {
  const { rows, columns, epsilon, residual, storage = "f32", subgroupSize = 0 } = spec;
  requireDimensions("layerNorm", { rows, columns });
  const shared = rowLanes("layerNorm", columns, subgroupSize, variant);
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
  const source = shared
    ? forwardLanesSource
    : forwardSource.replaceAll("SUM", residual ? "sum" : "hidden");
  const wgsl = specialise(
    unroll(source, {
      DROPOUT: Number(drops),
      RESIDUAL: Number(residual),
      ...shared?.constants,
    }),
    prelude(spec, bindings, drops, shared, { EPSILON: { f32: epsilon }, ROWS_EACH }),
  );
  return singleLaunch({
    kernel: "layernorm",
    label: labelOf(spec, drops),
    wgsl,
    bindings,
    params: paramWords("layernorm", wgsl, { rows, stream: spec.stream ?? 0 }),
    workgroups: spreadWorkgroups(Math.ceil(rows / (shared ? ROWS_EACH : 64))),
    cost: { flops: 8 * elements, bytes: bytesPerElement(storage) * elements * (residual ? 4 : 2) },
  });
}

/**
 * Gradients of {@link layerNormForward}.
 *
 * Bindings: outputGradient, sum (the hidden states where there is no residual), weight, statistics,
 * [stepState], hiddenGradient, [residualGradient], weightGradient f32, biasGradient f32.
 *
 * @param variant a variant by name; chosen by shape and device where left out.
 * @throws {KernelError} for dimensions that are not positive, or a variant that cannot do them.
 */
export function layerNormBackward(
  spec: LayerNormBackwardSpec,
  variant?: RowVariant,
): KernelProgram {
  const { rows, columns, residual, storage = "f32", subgroupSize = 0 } = spec;
  requireDimensions("layerNormBackward", { rows, columns });
  const shared = rowLanes("layerNormBackward", columns, subgroupSize, variant);
  const groupRows = Math.max(LEAST_GROUP_ROWS, Math.ceil(rows / MOST_GROUPS));
  const groups = Math.ceil(rows / groupRows);
  const partial = (access: "read" | "write"): Binding => ({
    name: "partial",
    access,
    dtype: "f32",
    elements: 2 * groups * columns,
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
  if (shared) bindings.push(partial("write"));
  const names = {
    DROPOUT: Number(drops),
    RESIDUAL: Number(residual),
    ACCUMULATE_RESIDUAL: Number(spec.accumulateResidual ?? false),
    WRITE_RESIDUAL: Number(!spec.accumulateResidual),
    ACCUMULATE_HIDDEN: Number(spec.accumulateHidden ?? false),
    ...shared?.constants,
  };
  const wgsl = specialise(
    unroll(shared ? backwardLanesSource : backwardSource, names),
    prelude(spec, bindings, drops, shared),
  );
  const input: KernelLaunch = {
    kernel: "layernorm_backward",
    label: labelOf(spec, drops),
    wgsl,
    bindings,
    params: paramWords("layernorm_backward", wgsl, {
      rows,
      ...(shared ? { group_rows: groupRows } : {}),
      stream: spec.stream ?? 0,
    }),
    workgroups: spreadWorkgroups(shared ? groups : Math.ceil(rows / 64)),
    cost: {
      flops: (shared ? 19 : 14) * elements,
      bytes: bytesPerElement(storage) * elements * (residual ? 4 : 3),
    },
  };
  return {
    launches: [
      input,
      ...(shared ? [] : [weightPartials(spec, groupRows, groups, partial("write"))]),
      weightSum(spec, groups, partial("read")),
    ],
    scratch: [{ name: "partial", dtype: "f32", elements: 2 * groups * columns }],
  };
}

function labelOf({ rows, columns, residual }: LayerNormSpec, drops: boolean): string {
  return `${rows}×${columns}${residual ? " residual" : ""}${drops ? " dropout" : ""}`;
}

function weightPartials(
  spec: LayerNormSpec,
  groupRows: number,
  groups: number,
  partial: Binding,
): KernelLaunch {
  const { rows, columns, storage = "f32" } = spec;
  const elements = rows * columns;
  const bindings: Binding[] = [
    { name: "outputGradient", access: "read", dtype: storage, elements },
    { name: "sum", access: "read", dtype: storage, elements },
    { name: "statistics", access: "read", dtype: "f32", elements: 2 * rows },
    partial,
  ];
  const wgsl = specialise(weightSource, prelude(spec, bindings, false, undefined));
  return {
    kernel: "layernorm_weight_gradient",
    label: `${rows}×${columns}`,
    wgsl,
    bindings,
    params: paramWords("layernorm_weight_gradient", wgsl, { rows, group_rows: groupRows }),
    workgroups: spreadWorkgroups(Math.ceil(columns / 64) * groups),
    cost: {
      flops: 5 * elements,
      bytes: bytesPerElement(storage) * 2 * elements + 4 * partial.elements,
    },
  };
}

function weightSum(
  { columns, accumulateWeight = false, accumulateBias = false }: LayerNormBackwardSpec,
  groups: number,
  partial: Binding,
): KernelLaunch {
  const access = (accumulates: boolean): Binding["access"] => accumulates ? "read_write" : "write";
  const bindings: Binding[] = [
    partial,
    {
      name: "weightGradient",
      access: access(accumulateWeight),
      dtype: "f32",
      elements: columns,
    },
    { name: "biasGradient", access: access(accumulateBias), dtype: "f32", elements: columns },
  ];
  return {
    kernel: "layernorm_weight_sum",
    label: `${groups}×${columns}`,
    wgsl: specialise(
      unroll(weightSumSource, {
        ACCUMULATE_WEIGHT: Number(accumulateWeight),
        ACCUMULATE_BIAS: Number(accumulateBias),
      }),
      {
        constants: { COLUMNS: columns },
        libraries: [declareBindings(bindings), declareParams(bindings.length)],
      },
    ),
    bindings,
    params: paramWords("layernorm_weight_sum", weightSumSource, { groups }),
    workgroups: spreadWorkgroups(Math.ceil(columns / 64)),
    cost: { flops: 2 * groups * columns, bytes: 4 * (2 * groups + 2) * columns },
  };
}

/** What goes before a kernel over rows; activations and weights are vec4s where lanes share rows. */
function prelude(
  { columns, dropout = 0, storage = "f32" }: LayerNormSpec,
  bindings: readonly Binding[],
  drops: boolean,
  shared: RowLanes | undefined,
  constants: Prelude["constants"] = {},
): Prelude {
  const scalars = ["statistics", "stepState"];
  const types = shared
    ? Object.fromEntries(
      bindings.filter(({ name }) => !scalars.includes(name)).map((
        { name, dtype },
      ) => [name, `vec4<${dtype}>`]),
    )
    : {};
  return {
    enables: [...(storage === "f16" ? ["f16"] : []), ...(shared?.enables ?? [])],
    aliases: { Elem: storage, Elem4: `vec4<${storage}>` },
    constants: {
      COLUMNS: columns,
      ...constants,
      ...shared?.constants,
      ...(drops
        ? { THRESHOLD: dropoutThreshold(dropout), KEEP_SCALE: { f32: 1 / (1 - dropout) } }
        : {}),
    },
    libraries: [
      ...(drops ? [randomLibrary] : []),
      declareBindings(bindings, types),
      declareParams(bindings.length),
      ...(shared ? [shared.library] : []),
    ],
  };
}
