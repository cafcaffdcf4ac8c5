/**
 * Sums over rows, for bias gradients: in groups of rows first, then over the groups, always in the same
 * order.
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
  requireDimensions,
  specialise,
  spreadWorkgroups,
} from "../launch.ts";
import { unroll } from "../unroll.ts";
import source from "./column_sum.wgsl" with { type: "text" };

/** Rows that one invocation sums on an adapter with few and narrow cores. */
const MOST_ROWS_NARROW = 8192;

/** Groups of rows at most; also the rows below which one pass does. */
const MAX_GROUPS = 64;

/** A column sum. */
export interface ColumnSumSpec {
  /** Rows that are summed. */
  readonly rows: number;
  /** Columns. */
  readonly columns: number;
  /** Adds to the output. */
  readonly accumulate?: boolean;
  /** Columns (first, one past the last) whose sum is 0 by theory, so that rounding does not show. */
  readonly zeroColumns?: readonly [number, number];
  /** Storage of the input; f32 by default. */
  readonly storage?: "f32" | "f16";
  /** The least subgroup size of the device, 0 without subgroups. */
  readonly subgroupSize?: number;
}

/** How many rows a group sums, for a two-stage reduction over rows. */
export function groupRows(rows: number): number {
  return rows <= MAX_GROUPS ? rows : Math.max(MAX_GROUPS / 2, Math.ceil(rows / MAX_GROUPS));
}

/**
 * output[column] (+)= Σ over rows of input[row, column].
 *
 * Bindings: input [rows, columns], output f32 [columns].
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function columnSum(spec: ColumnSumSpec): KernelProgram {
  const { rows, columns, accumulate = false, storage = "f32", subgroupSize = 0 } = spec;
  requireDimensions("columnSum", { rows, columns });
  const narrow = subgroupSize >= 4 && subgroupSize <= 8;
  const perGroup = narrow && rows <= MOST_ROWS_NARROW ? rows : groupRows(rows);
  const groups = Math.ceil(rows / perGroup);
  const zeroes = { zeroColumns: spec.zeroColumns, narrow };
  // A single stage has the text of a second one, unless it must read f16.
  if (groups === 1 && storage === "f32") {
    return {
      launches: [
        sumLaunch("input", "output", rows, columns, rows, accumulate, storage, zeroes),
      ],
      scratch: [],
    };
  }
  return {
    launches: [
      sumLaunch("input", "partial", rows, columns, perGroup, false, storage, { narrow }),
      sumLaunch("partial", "output", groups, columns, groups, accumulate, "f32", zeroes),
    ],
    scratch: [{ name: "partial", dtype: "f32", elements: groups * columns }],
  };
}

/** Sums a scratch of group sums into an output; the second stage of a two-stage reduction. */
export function sumLaunch(
  input: string,
  output: string,
  rows: number,
  columns: number,
  perGroup: number,
  accumulate: boolean,
  storage: "f32" | "f16",
  options: {
    readonly zeroColumns?: readonly [number, number];
    readonly narrow?: boolean;
  } = {},
): KernelLaunch {
  const { zeroColumns, narrow = false } = options;
  const groups = Math.ceil(rows / perGroup);
  const bindings: Binding[] = [
    { name: input, access: "read", dtype: storage, elements: rows * columns },
    {
      name: output,
      access: accumulate ? "read_write" : "write",
      dtype: "f32",
      elements: groups * columns,
    },
  ];
  const names = { ACCUMULATE: Number(accumulate), ZEROES: Number(zeroColumns !== undefined) };
  const vectors = [columns, ...(zeroColumns ?? [])].every((value) => value % 4 === 0);
  const lanes = vectors ? 4 : 1, width = narrow ? 8 : 64;
  const [read, written] = bindings;
  const wgsl = specialise(unroll(source, names), {
    enables: storage === "f16" ? ["f16"] : [],
    aliases: { Value: vectors ? "vec4<f32>" : "f32" },
    constants: {
      WIDTH: width,
      ...(zeroColumns
        ? { ZERO_FROM: zeroColumns[0] / lanes, ZERO_TO: zeroColumns[1] / lanes }
        : {}),
    },
    libraries: [
      // Both stages have the same text, whatever they bind.
      declareBindings(
        [{ ...read, name: "input" }, { ...written, name: "output" }],
        vectors ? { input: `vec4<${storage}>`, output: "vec4<f32>" } : {},
      ),
      declareParams(bindings.length),
    ],
  });
  return {
    kernel: "column_sum",
    label: `${rows}×${columns}`,
    wgsl,
    bindings,
    params: paramWords("column_sum", wgsl, {
      rows,
      columns: columns / lanes,
      group_rows: perGroup,
    }),
    workgroups: spreadWorkgroups(Math.ceil(columns / lanes / width) * groups),
    cost: {
      flops: rows * columns,
      bytes: bytesPerElement(storage) * rows * columns + 4 * groups * columns,
    },
  };
}
