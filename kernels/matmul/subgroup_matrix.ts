/**
 * Matrix product by subgroup matrices (tensor cores), where a provider offers them: Dawn does with unsafe
 * APIs on drivers that have cooperative matrices.
 *
 * Its WGSL is checked by Tint. No adapter at hand has the feature, so it has never run: it is not among
 * the variants that {@link matmul} chooses from.
 *
 * @module
 */
import type { SubgroupMatrix } from "../device.ts";
import { KernelError } from "../errors.ts";
import geluLibrary from "../gelu/gelu.wgsl" with { type: "text" };
import {
  type Binding,
  bytesPerElement,
  declareBindings,
  type KernelProgram,
  requireDimensions,
  singleLaunch,
  specialise,
} from "../launch.ts";
import { unroll } from "../unroll.ts";
import type { MatmulSpec } from "./matmul.ts";
import matrixSource from "./matmul_matrix.wgsl" with { type: "text" };
import storeSource from "./matmul_store.wgsl" with { type: "text" };

/** Result matrices that a subgroup holds along each axis. */
const TILES = 2;

/** A dense product of one pair of matrices. */
export type MatrixMatmulSpec = Pick<
  MatmulSpec,
  "m" | "n" | "k" | "layout" | "bias" | "epilogue" | "accumulate" | "storage" | "outputStorage"
>;

/** Whether a product falls into subgroup matrices of a shape and a type. */
export function fitsSubgroupMatrix(
  { m, n, k, storage = "f32" }: MatrixMatmulSpec,
  matrix: SubgroupMatrix,
): boolean {
  return matrix.componentType === storage && matrix.resultType === "f32" &&
    m % (TILES * matrix.m) === 0 && n % (TILES * matrix.n) === 0 && k % matrix.k === 0 &&
    matrix.n % 4 === 0;
}

/**
 * C = epilogue(A·B + bias) (+ C), as `matmul` does it; same bindings.
 *
 * @param lanes the most lanes that a subgroup of the device may have.
 * @throws {KernelError} where the product does not fall into such matrices.
 */
export function matmulBySubgroupMatrices(
  spec: MatrixMatmulSpec,
  matrix: SubgroupMatrix,
  lanes: number,
): KernelProgram {
  const { m, n, k, layout, storage = "f32", epilogue = "none", accumulate = false } = spec;
  requireDimensions("matmul", { m, n, k, lanes });
  if (!fitsSubgroupMatrix(spec, matrix)) {
    throw new KernelError(
      `matmul ${m}×${n}×${k} ${layout} of ${storage} does not fall into subgroup matrices ` +
        `${matrix.m}×${matrix.n}×${matrix.k} of ${matrix.componentType}`,
    );
  }
  const output = spec.outputStorage ?? storage;
  const bindings: Binding[] = [
    { name: "a", access: "read", dtype: storage, elements: m * k },
    { name: "b", access: "read", dtype: storage, elements: n * k },
  ];
  if (spec.bias) bindings.push({ name: "bias", access: "read", dtype: "f32", elements: n });
  if (epilogue !== "none") {
    const access = epilogue === "gelu" ? "write" : "read";
    bindings.push({ name: "derivative", access, dtype: storage, elements: m * n });
  }
  bindings.push({
    name: "c",
    access: accumulate ? "read_write" : "write",
    dtype: output,
    elements: m * n,
  });
  const names = {
    TILES_M: TILES,
    TILES_N: TILES,
    BIAS: Number(spec.bias ?? false),
    GELU: Number(epilogue === "gelu"),
    GELU_BACKWARD: Number(epilogue === "gelu_backward"),
    ACCUMULATE: Number(accumulate),
  };
  const [aStride, bStride] = [layout[0] === "T" ? m : k, layout[1] === "T" ? k : n];
  const body = unroll(matrixSource, names)
    .replaceAll("A_MAJOR", layout[0] === "T" ? "col_major" : "row_major")
    .replaceAll("B_MAJOR", layout[1] === "T" ? "col_major" : "row_major");
  const half = storage === "f16" || output === "f16";
  return singleLaunch({
    kernel: "matmul",
    label: `${layout} ${m}×${n}×${k} subgroup matrices ${matrix.m}×${matrix.n}×${matrix.k}`,
    wgsl: specialise(body, {
      enables: [...(half ? ["f16"] : []), "subgroups", "chromium_experimental_subgroup_matrix"],
      aliases: {
        Elem: storage,
        Elem4: `vec4<${storage}>`,
        Output4: `vec4<${output}>`,
        // Columns come before rows.
        Left: `subgroup_matrix_left<${storage}, ${matrix.k}, ${matrix.m}>`,
        Right: `subgroup_matrix_right<${storage}, ${matrix.n}, ${matrix.k}>`,
        Result: `subgroup_matrix_result<f32, ${matrix.n}, ${matrix.m}>`,
      },
      constants: {
        M: m,
        N: n,
        K: k,
        C_STRIDE: n,
        C_BATCH: 0,
        ALPHA: { f32: 1 },
        A_STRIDE: aStride,
        B_STRIDE: bStride,
        A_ROW: layout[0] === "T" ? 1 : k,
        A_K: layout[0] === "T" ? m : 1,
        B_K: layout[1] === "T" ? 1 : n,
        B_COLUMN: layout[1] === "T" ? k : 1,
        SIZE_M: matrix.m,
        SIZE_N: matrix.n,
        SIZE_K: matrix.k,
        TILES_M: TILES,
        TILES_N: TILES,
        LANES: lanes,
      },
      libraries: [
        geluLibrary,
        declareBindings(bindings, {
          a: "Elem",
          b: "Elem",
          bias: "vec4<f32>",
          derivative: "Elem4",
          c: "Output4",
        }),
        unroll(storeSource, names),
      ],
    }),
    bindings,
    workgroups: [
      n / (TILES * matrix.n),
      m / (TILES * matrix.m),
      1,
    ],
    cost: {
      flops: 2 * m * n * k,
      bytes: bindings.reduce(
        (sum, { dtype, elements }) => sum + bytesPerElement(dtype) * elements,
        0,
      ),
    },
  });
}
