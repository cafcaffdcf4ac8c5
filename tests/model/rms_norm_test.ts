import { assertThrows } from "@std/assert/mod.js";
import { rmsNormBackwardReference, rmsNormReference } from "../../kernels/rms_norm/reference.ts";
import { Plan } from "../../model/autograd/plan.ts";
import { Tape } from "../../model/autograd/tape.ts";
import type { Tensor } from "../../model/autograd/tensor.ts";
import { ModelError } from "../../model/errors.ts";
import { rmsNorm } from "../../model/ops/rms_norm.ts";
import { sigmoidCrossEntropy } from "../../model/ops/sigmoid_cross_entropy.ts";
import { ParameterStore } from "../../model/parameters/store.ts";
import { assertClose, normal, testGpu } from "../kernels/harness.ts";

const ROWS = 5, COLUMNS = 12, EPSILON = 1e-6;
const initializer = { kind: "constant", value: 0 } as const;

function declare(store: ParameterStore, name: string, shape: readonly number[]): Tensor {
  return store.declare({ name, shape, initializer, decays: true }).value;
}

Deno.test("a tape carries RMSNorm's gradients to its input and its weight", async () => {
  const gpu = await testGpu();
  const store = new ParameterStore();
  const input = declare(store, "input", [ROWS, COLUMNS]);
  const weight = declare(store, "weight", [COLUMNS]);
  store.allocate(gpu, { moments: [] });
  const at = { columns: COLUMNS, epsilon: EPSILON };
  const values = {
    input: Float32Array.from(normal(ROWS * COLUMNS, 1)),
    weight: Float32Array.from(normal(COLUMNS, 2)),
  };
  store.write(store.parameters[0], "parameters", values.input);
  store.write(store.parameters[1], "parameters", values.weight);

  const tape = new Tape({ training: true });
  const logits = rmsNorm(tape, input, weight, EPSILON);
  const labels = tape.input("labels", [ROWS, COLUMNS], "f32");
  const weights = tape.input("weights", [ROWS, COLUMNS], "f32");
  const normalizer = tape.input("normaliser", [1], "f32");
  const loss = sigmoidCrossEntropy(tape, logits, labels, { weights, normalizer });
  tape.backward([{ loss, weight: 1 }], (value) => store.gradientOf(value));
  const plan = await Plan.compile(gpu, tape, store);
  const ones = new Float32Array(ROWS * COLUMNS).fill(1);
  plan.write(labels, ones);
  plan.write(weights, ones);
  plan.write(normalizer, Float32Array.of(1));
  plan.write(tape.stepState, Uint32Array.of(1, 1, 0, 0x3f800000));
  plan.run();
  const gradients = await store.readAll("gradients");

  const { output } = rmsNormReference({ ...at, ...values });
  // Of the sum of −log σ(output).
  const outputGradient = output.map((logit) => -1 / (1 + Math.exp(logit)));
  const expected = rmsNormBackwardReference({ ...at, ...values }, outputGradient);
  assertClose(gradients.get(store.parameters[0])!, expected.input, 3e-6, "input");
  assertClose(gradients.get(store.parameters[1])!, expected.weight, 3e-6, "weight");
  plan.destroy();
  store.destroy();
});

Deno.test("rmsNorm refuses a weight that does not fit, and names both shapes", () => {
  const store = new ParameterStore();
  const input = declare(store, "input", [2, 8]), weight = declare(store, "weight", [7]);
  const record = (): Tensor => rmsNorm(new Tape({ training: true }), input, weight, EPSILON);
  assertThrows(record, ModelError, "rmsNorm: input");
});
