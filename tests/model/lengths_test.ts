/**
 * Plans of any batch and sequence length share the pipelines, and the memory, of the plan of the largest.
 */
import { assert, assertEquals } from "@std/assert/mod.js";
import { Arena } from "../../model/autograd/arena.ts";
import { Plan } from "../../model/autograd/plan.ts";
import { type PretrainingHparams, resolveHparams } from "../../model/electra/config.ts";
import { pretrainingObjective } from "../../model/electra/pretraining.ts";
import { ParameterStore } from "../../model/parameters/store.ts";
import type { BatchShape } from "../../model/training/objective.ts";
import {
  type DeviceTraits,
  type RecordedPass,
  recordEvaluation,
  recordGradients,
  traitsOf,
} from "../../model/training/recording.ts";
import { StepState } from "../../model/training/step_state.ts";
import { testGpu } from "../kernels/harness.ts";
import { smallHparams, SPECIAL } from "./small_electra.ts";

const LARGEST: BatchShape = { batch: 32, sequence: 512 };
const SMALLER: readonly BatchShape[] = [
  { batch: 31, sequence: 511 },
  { batch: 7, sequence: 100 },
  { batch: 4, sequence: 128 },
  { batch: 1, sequence: 512 },
  { batch: 1, sequence: 8 },
];

/** The texts that training and evaluation at a shape dispatch, and those that they compile besides. */
function textsOf(
  hparams: PretrainingHparams,
  shape: BatchShape,
  traits: DeviceTraits,
  storage: "f32" | "f16",
): { dispatched: Map<string, string>; compiled: Set<string> } {
  const store = new ParameterStore(), state = new StepState();
  const special = { ...SPECIAL, vocabSize: hparams.vocab_size };
  const objective = pretrainingObjective(store, hparams, special);
  const tapes = [
    recordGradients(objective, store, shape, traits, state, { storage }).tape,
    recordEvaluation(objective, shape, traits, storage).tape,
  ];
  const launches = tapes.flatMap((tape) => tape.dispatches.map(({ launch }) => launch));
  const besides = tapes.flatMap((tape) => tape.shorter);
  return {
    dispatched: new Map(launches.map(({ wgsl, kernel, label }) => [wgsl, `${kernel} ${label}`])),
    compiled: new Set([...launches, ...besides].map(({ wgsl }) => wgsl)),
  };
}

const MATRIX = { m: 16, n: 16, k: 16, componentType: "f16", resultType: "f32", lanes: 32 };
const DEVICES: readonly [string, DeviceTraits][] = [
  ["without subgroups", { subgroupSize: 0, maxStorageBufferBindingSize: 1 << 27 }],
  ["with narrow subgroups", { subgroupSize: 8, maxStorageBufferBindingSize: 1 << 27 }],
  ["with wide subgroups", { subgroupSize: 32, maxStorageBufferBindingSize: 1 << 30 }],
  ["with tensor cores", {
    subgroupSize: 32,
    subgroupMatrices: [MATRIX],
    maxStorageBufferBindingSize: 1 << 30,
  }],
];

for (const [device, traits] of DEVICES) {
  Deno.test(`on a device ${device} a smaller batch or length wants no pipeline that 32 × 512 has not`, () => {
    const small = resolveHparams({ model_size: "small", vocab_size: 32_000, max_seq_length: 512 });
    for (
      const hparams of [
        small.hparams,
        smallHparams({
          max_seq_length: 512,
          model_hparam_overrides: { max_position_embeddings: 512 },
        }),
      ]
    ) {
      // Tensor cores multiply f16; the other choices do not look at the storage.
      for (const storage of traits.subgroupMatrices ? ["f16"] as const : ["f32"] as const) {
        const { compiled } = textsOf(hparams, LARGEST, traits, storage);
        for (const shape of SMALLER) {
          const { dispatched } = textsOf(hparams, shape, traits, storage);
          const missing = [...dispatched].filter(([wgsl]) => !compiled.has(wgsl));
          const what = `${shape.batch} × ${shape.sequence} ${storage}`;
          assertEquals(missing.map(([, label]) => label), [], what);
        }
      }
    }
  });
}

Deno.test("plans of smaller batches compile nothing and take no memory", async () => {
  const gpu = await testGpu();
  const hparams = smallHparams({
    max_seq_length: 64,
    model_hparam_overrides: { max_position_embeddings: 64 },
  });
  const store = new ParameterStore(), state = new StepState();
  const objective = pretrainingObjective(store, hparams, SPECIAL);
  store.allocate(gpu, { moments: [] });
  state.allocate(gpu, false);
  const record = (shape: BatchShape): RecordedPass =>
    recordGradients(objective, store, shape, traitsOf(gpu), state);
  const arena = new Arena(gpu);
  const memory = state.before(store);
  const plans: Plan[] = [];
  const largest = record({ batch: 8, sequence: 64 });
  plans.push(await Plan.compile(gpu, largest.tape, memory, undefined, arena));
  const { pipelines } = gpu.compileStatistics, { bytes } = arena;
  assert(bytes > 0);
  for (const shape of [{ batch: 8, sequence: 32 }, { batch: 3, sequence: 21 }]) {
    const { tape } = record(shape);
    plans.push(await Plan.compile(gpu, tape, memory, undefined, arena));
  }
  assertEquals(gpu.compileStatistics.pipelines, pipelines);
  assertEquals(arena.bytes, bytes);
  for (const plan of plans) plan.destroy();
  arena.destroy();
  state.destroy();
  store.destroy();
});

Deno.test("an arena lends its largest buffers for the largest needs, and makes what is missing", async () => {
  const gpu = await testGpu();
  const arena = new Arena(gpu);
  const first = arena.lend([100, 400, 200]);
  assertEquals(first.lent.map(({ size }) => size), [100, 400, 200]);
  assertEquals(first.made.length, 3);
  const second = arena.lend([300, 80]);
  assertEquals(second.lent, [first.lent[1], first.lent[2]]);
  assertEquals(second.made, []);
  const third = arena.lend([100, 300, 300, 8]);
  assertEquals(new Set(third.lent).size, 4);
  assertEquals(third.lent[1], first.lent[1]);
  assertEquals(third.made.map(({ size }) => size), [300]);
  assertEquals(arena.bytes, 1000);
  arena.discard(third.made);
  assertEquals(arena.bytes, 700);
  arena.destroy();
  assertEquals(arena.bytes, 0);
});
