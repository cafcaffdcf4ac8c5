/**
 * How a kernel over rows shares a row among invocations.
 *
 * @module
 */
import { KernelError } from "../errors.ts";
import source from "./lanes.wgsl" with { type: "text" };

/** Functions over the lanes of a workgroup. */
export const lanesLibrary: string = source;

/**
 * Ways to go over rows: `row` gives an invocation a row and does any shape; `subgroup` gives a subgroup a
 * row, `workgroup` a workgroup, which adds up through its memory. These two hold a row in
 * registers and want a multiple of four columns.
 */
export const rowVariants = ["row", "subgroup", "workgroup"] as const;

/** Names of the variants. */
export type RowVariant = typeof rowVariants[number];

/** vec4s of a row that one invocation may hold. */
const MOST_QUADS = 32;

/** Invocations of a workgroup without subgroup operations. */
const WORKGROUP_LANES = 64;

/** Invocations that share rows. */
export interface RowLanes {
  /** Invocations of a workgroup, all at one row. */
  readonly lanes: number;
  /** vec4s of a row in each. */
  readonly laneQuads: number;
  /** WGSL extensions. */
  readonly enables: readonly string[];
  /** Constants of a kernel that is made of vec4s. */
  readonly constants: Readonly<Record<string, number>>;
  /** What lanes.wgsl asks for. */
  readonly options: Readonly<Record<string, boolean>>;
}

/**
 * The lanes of a variant.
 *
 * @param columns of a row.
 * @param subgroupSize the least subgroup size of the device, 0 without subgroups.
 * @param variant by name; chosen by shape and device where left out.
 * @returns nothing for the variant `row`.
 * @throws {KernelError} for a variant that cannot do these columns on this device.
 */
export function rowLanes(
  operation: string,
  columns: number,
  subgroupSize: number,
  variant?: RowVariant,
): RowLanes | undefined {
  const lanesOf = (name: RowVariant): number =>
    name === "subgroup" ? Math.min(subgroupSize, WORKGROUP_LANES) : WORKGROUP_LANES;
  const fits = (name: RowVariant): boolean =>
    name === "row" ||
    columns % 4 === 0 && lanesOf(name) >= 4 && columns / 4 <= MOST_QUADS * lanesOf(name);
  const chosen = variant ?? (["subgroup", "workgroup", "row"] as const).find(fits)!;
  if (!fits(chosen)) {
    throw new KernelError(
      `${operation}: variant ${chosen} cannot do ${columns} columns with subgroups of ` +
        `${subgroupSize} lanes`,
    );
  }
  if (chosen === "row") return undefined;
  const lanes = lanesOf(chosen);
  const laneQuads = Math.ceil(columns / 4 / lanes);
  return {
    lanes,
    laneQuads,
    enables: chosen === "subgroup" ? ["subgroups"] : [],
    constants: { LANES: lanes, QUADS: columns / 4, LANE_QUADS: laneQuads },
    options: { SUBGROUP: chosen === "subgroup" },
  };
}
