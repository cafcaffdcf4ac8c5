/**
 * Tint, Dawn's compiler of WGSL, on all kernels. Dawn's null backend has every feature and no driver, so
 * texts are checked that no adapter at hand can run; nothing is computed.
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert/mod.js";
import { Gpu } from "../../kernels/device.ts";
import { KernelError } from "../../kernels/errors.ts";
import { matmulBySubgroupMatrices } from "../../kernels/matmul/subgroup_matrix.ts";
import { resolveHparams } from "../../model/electra/config.ts";
import { Electra } from "../../model/electra/electra.ts";
import { ParameterStore } from "../../model/parameters.ts";
import { recordEvaluation, recordTraining } from "../../model/recording.ts";
import { loadDawn } from "../../tasks/common/webgpu.ts";
import { smallHparams } from "../model/small_electra.ts";

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
      for (const subgroupSize of [0, 4, 8, 32]) {
        const store = new ParameterStore();
        const model = new Electra(store, one);
        const traits = { subgroupSize, maxStorageBufferBindingSize: 1 << 27 };
        const { tape } = recordTraining(model, store, traits, { storage });
        const evaluation = recordEvaluation(model, traits, storage);
        for (const { launch } of [...tape.dispatches, ...evaluation.tape.dispatches]) {
          texts.set(launch.wgsl, `${launch.kernel} ${launch.label}`);
        }
      }
    }
  }
  assert([...texts.keys()].some((text) => text.startsWith("enable f16;")));
  assert([...texts.keys()].some((text) => text.includes("enable subgroups;")));
  const before = gpu.compileStatistics.pipelines;
  await Promise.all([...texts].map(([wgsl, label]) => gpu.pipeline(wgsl, label)));
  assertEquals(gpu.compileStatistics.pipelines - before, texts.size);
});

Deno.test("Tint takes matmul by subgroup matrices in every layout, epilogue and storage", async () => {
  const lanes = 128; // the most on the null backend
  const shapes = [[16, 16, 16, "f16"], [8, 8, 8, "f32"], [16, 8, 16, "f16"]] as const;
  for (const [m, n, k, componentType] of shapes) {
    const matrix = { m, n, k, componentType, resultType: "f32" };
    const size = { m: 6 * m, n: 4 * n, k: 3 * k, storage: componentType };
    for (const layout of ["NN", "NT", "TN"] as const) {
      for (
        const more of [
          {},
          { bias: true, epilogue: "gelu" },
          { epilogue: "gelu_backward" },
          { accumulate: true, outputStorage: "f32" },
        ] as const
      ) {
        const { launches: [launch] } = matmulBySubgroupMatrices(
          { ...size, layout, ...more },
          matrix,
          lanes,
        );
        await gpu.pipeline(launch.wgsl, launch.label);
      }
    }
    assertThrows(
      () => matmulBySubgroupMatrices({ ...size, m: m + 1, layout: "NN" }, matrix, lanes),
      KernelError,
      "does not fall into subgroup matrices",
    );
  }
});
