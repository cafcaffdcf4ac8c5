/**
 * Layernorm (Ba et al., 2016), alone or joined with the residual connection and dropout of a post-norm
 * transformer block.
 *
 * @module
 */
import {
  bytesPerElement,
  type KernelLaunch,
  type KernelProgram,
  launchOf,
  type LaunchSpec,
  type Prelude,
  requireDimensions,
  singleLaunch,
  spreadWorkgroups,
} from "../launch.ts";
import { dropoutThreshold, randomLibrary } from "../random/random.ts";
import { lanesLibrary, type RowLanes, rowLanes, type RowVariant } from "../reduce/lanes.ts";
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
  const { rows, columns, residual, storage = "f32", subgroupSize = 0 } = spec;
  requireDimensions("layerNorm", { rows, columns });
  const shared = rowLanes("layerNorm", columns, subgroupSize, variant);
  const elements = rows * columns;
  return singleLaunch({
    ...common(spec, shared),
    kernel: "layernorm",
    files: filesOf(spec, shared, forwardSource, forwardLanesSource),
    params: { rows, stream: spec.stream ?? 0 },
    workgroups: spreadWorkgroups(Math.ceil(rows / (shared ? ROWS_EACH : 64))),
    flops: 8 * elements,
    bytes: bytesPerElement(storage) * elements * (residual ? 4 : 2),
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
  const elements = rows * columns, partial = 2 * groups * columns;
  const { elements: tensors, ...prelude } = common(spec, shared);
  const input = launchOf({
    ...prelude,
    kernel: "layernorm_backward",
    files: filesOf(spec, shared, backwardSource, backwardLanesSource),
    elements: { ...tensors, partial },
    params: {
      rows,
      ...(shared ? { group_rows: groupRows } : {}),
      stream: spec.stream ?? 0,
    },
    workgroups: spreadWorkgroups(shared ? groups : Math.ceil(rows / 64)),
    flops: (shared ? 19 : 14) * elements,
    bytes: bytesPerElement(storage) * elements * (residual ? 4 : 3),
  });
  return {
    launches: [
      input,
      ...(shared ? [] : [weightPartials(spec, groupRows, groups, partial)]),
      weightSum(spec, groups, partial),
    ],
    scratch: [{ name: "partial", dtype: "f32", elements: partial }],
  };
}

function weightPartials(
  spec: LayerNormSpec,
  groupRows: number,
  groups: number,
  partial: number,
): KernelLaunch {
  const { rows, columns, storage = "f32" } = spec;
  const elements = rows * columns;
  return launchOf({
    kernel: "layernorm_weight_gradient",
    label: `${rows}×${columns}`,
    files: [weightSource],
    aliases: { Elem: storage },
    constants: { COLUMNS: columns },
    elements: { outputGradient: elements, sum: elements, statistics: 2 * rows, partial },
    params: { rows, group_rows: groupRows },
    workgroups: spreadWorkgroups(Math.ceil(columns / 64) * groups),
    flops: 5 * elements,
    bytes: bytesPerElement(storage) * 2 * elements + 4 * partial,
  });
}

function weightSum(
  { columns, accumulateWeight = false, accumulateBias = false }: LayerNormBackwardSpec,
  groups: number,
  partial: number,
): KernelLaunch {
  return launchOf({
    kernel: "layernorm_weight_sum",
    label: `${groups}×${columns}`,
    files: [weightSumSource],
    constants: { COLUMNS: columns },
    options: { ACCUMULATE_WEIGHT: accumulateWeight, ACCUMULATE_BIAS: accumulateBias },
    elements: { partial, weightGradient: columns, biasGradient: columns },
    params: { groups },
    workgroups: spreadWorkgroups(Math.ceil(columns / 64)),
    flops: 2 * groups * columns,
    bytes: 4 * (2 * groups + 2) * columns,
  });
}

/** Libraries and page of a kernel over rows. */
function filesOf(
  spec: LayerNormSpec,
  shared: RowLanes | undefined,
  rowSource: string,
  lanesSource: string,
): string[] {
  return [
    ...(dropsOf(spec) ? [randomLibrary] : []),
    ...(shared ? [lanesLibrary, lanesSource] : [rowSource]),
  ];
}

function dropsOf({ residual, dropout = 0 }: LayerNormSpec): boolean {
  return residual && dropout > 0;
}

/** What the kernels over rows have in common. */
function common(
  spec: LayerNormBackwardSpec,
  shared: RowLanes | undefined,
): Prelude & Pick<LaunchSpec, "label" | "elements"> {
  const { rows, columns, residual, dropout = 0, storage = "f32" } = spec;
  const drops = dropsOf(spec), elements = rows * columns;
  return {
    label: `${rows}×${columns}${residual ? " residual" : ""}${drops ? " dropout" : ""}`,
    enables: shared?.enables,
    aliases: { Elem: storage, Elem4: `vec4<${storage}>` },
    constants: {
      COLUMNS: columns,
      EPSILON: { f32: spec.epsilon },
      ROWS_EACH,
      ...shared?.constants,
      THRESHOLD: dropoutThreshold(dropout),
      KEEP_SCALE: { f32: 1 / (1 - dropout) },
    },
    options: {
      DROPOUT: drops,
      RESIDUAL: residual,
      ACCUMULATE_RESIDUAL: spec.accumulateResidual ?? false,
      ACCUMULATE_HIDDEN: spec.accumulateHidden ?? false,
      ...shared?.options,
    },
    elements: {
      hidden: elements,
      residual: elements,
      weight: columns,
      bias: columns,
      sum: elements,
      output: elements,
      statistics: 2 * rows,
      outputGradient: elements,
      hiddenGradient: elements,
      residualGradient: elements,
    },
  };
}
