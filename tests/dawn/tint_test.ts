/**
 * Tint, Dawn's compiler of WGSL, on all kernels. Dawn's null backend has every feature and no driver, so
 * texts are checked that no adapter at hand can run; nothing is computed.
 */
import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert/mod.js";
import { Gpu } from "../../kernels/device.ts";
import { KernelError } from "../../kernels/errors.ts";
import { matmul } from "../../kernels/matmul/matmul.ts";
import { type MatmulVariant, matmulVariants } from "../../kernels/matmul/variants.ts";
import { resolveHparams } from "../../model/electra/config.ts";
import { recordPretraining } from "../../model/electra/pretraining.ts";
import { recordEvaluation } from "../../model/training/recording.ts";
import { loadDawn } from "../../tasks/common/webgpu.ts";
import { smallHparams } from "../model/small_electra.ts";

/** Tensor cores; four subgroups are a multiple of the null backend's 128 lanes, as Dawn wants it. */
const MATRIX = { m: 16, n: 16, k: 16, componentType: "f16", resultType: "f32", lanes: 64 };

const gpu = await Gpu.request("high-performance", await loadDawn(["backend=null"]));

Deno.test("Dawn's null backend has the features that the texts below enable", async () => {
  assert(gpu.features.f16 && gpu.device.features.has("subgroups"));
  await assertRejects(() => gpu.pipeline("fn main() {", "broken"), KernelError, "broken");
});

Deno.test("Tint takes every kernel of a training and an evaluation step, in f32 and f16", async () => {
  const { hparams } = resolveHparams({ model_size: "small", vocab_size: 32_000 });
  const texts = new Map<string, string>();
  for (const one of [hparams, smallHparams()]) {
    for (const storage of ["f32", "f16"] as const) {
      for (const subgroupSize of [0, 4, 8, 32, 64]) {
        const subgroupMatrices = subgroupSize === 64 ? [MATRIX] : [];
        const traits = { subgroupSize, subgroupMatrices, maxStorageBufferBindingSize: 1 << 27 };
        const { objective, gradients, update } = recordPretraining(one, traits, { storage });
        const shape = { batch: one.eval_batch_size, sequence: one.max_seq_length };
        const evaluation = recordEvaluation(objective, shape, traits, storage);
        for (const { tape } of [gradients, update, evaluation]) {
          for (const { launch } of tape.dispatches) {
            texts.set(launch.wgsl, `${launch.kernel} ${launch.label}`);
          }
        }
      }
    }
  }
  assert([...texts.keys()].some((text) => text.startsWith("enable f16;")));
  assert([...texts.keys()].some((text) => text.includes("enable subgroups;")));
  assert([...texts.keys()].some((text) => text.includes("subgroupMatrixMultiplyAccumulate")));
  // A text that Tint refuses rejects its pipeline, naming kernel and line.
  const pipelines = await Promise.all([...texts].map(([wgsl, label]) => gpu.pipeline(wgsl, label)));
  assertEquals(new Set(pipelines).size, texts.size);
  assertGreater(texts.size, 60);
});

Deno.test("Tint takes a matrix kernel that chooses the size of its subgroups", async () => {
  const subgroupMatrices = [{ ...MATRIX, lanes: 32, chosenLanes: true }];
  for (const variant of ["matrix 64x64", "matrix 128x128"] as const) {
    const spec = {
      m: 132,
      n: 76,
      k: 1032,
      layout: "NT",
      storage: "f16",
      subgroupMatrices,
    } as const;
    const [launch] = matmul(spec, variant).launches;
    assert(launch.wgsl.includes("const LANES: u32 = 32u;"));
    assert(launch.wgsl.includes("@subgroup_size(LANES)"));
    await gpu.pipeline(launch.wgsl, launch.label);
  }
});

Deno.test("Tint takes matmul by subgroup matrices in every variant, layout, epilogue and storage", async () => {
  const shapes = [[16, 16, 16, "f16"], [8, 16, 16, "f16"], [8, 8, 8, "f32"]] as const;
  const texts = new Map<string, string>();
  for (const [m, n, k, storage] of shapes) {
    const subgroupMatrices = [{ ...MATRIX, m, n, k, componentType: storage }];
    for (const layout of ["NN", "NT", "TN"] as const) {
      const spec = { m: 132, n: 76, k: 1032, layout, storage, subgroupMatrices } as const;
      for (const variant of Object.keys(matmulVariants) as MatmulVariant[]) {
        if (matmulVariants[variant].kind !== "matrix") continue;
        const [launch] = matmul(spec, variant).launches;
        texts.set(launch.wgsl, launch.label);
      }
      for (
        const more of [
          { bias: true, epilogue: "gelu" },
          { epilogue: "gelu_backward" },
          { accumulate: true, outputStorage: "f32" },
        ] as const
      ) {
        const [launch] = matmul({ ...spec, ...more }, "matrix 64x64").launches;
        texts.set(launch.wgsl, launch.label);
      }
    }
  }
  // A text that Tint refuses rejects its pipeline, naming kernel and line.
  const pipelines = await Promise.all([...texts].map(([wgsl, label]) => gpu.pipeline(wgsl, label)));
  assertEquals(new Set(pipelines).size, texts.size);
  assertGreater(texts.size, 60);
});
