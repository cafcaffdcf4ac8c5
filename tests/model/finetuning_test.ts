/** Heads on the encoder, held to float64: losses, gradients of every tensor, and which parameters move how far. */
import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert/mod.js";
import { geluReference } from "../../kernels/gelu/reference.ts";
import { softmaxCrossEntropyReference } from "../../kernels/softmax_cross_entropy/reference.ts";
import { ModelError } from "../../model/errors.ts";
import { classificationHead, regressionHead } from "../../model/finetuning/classification.ts";
import type { DeclareHead } from "../../model/finetuning/head.ts";
import { multipleChoiceHead } from "../../model/finetuning/multiple_choice.ts";
import {
  type FinetuningBatch,
  FinetuningObjective,
  type FinetuningOptions,
} from "../../model/finetuning/objective.ts";
import { readingHead } from "../../model/finetuning/reading.ts";
import { taggingHead } from "../../model/finetuning/tagging.ts";
import { asFloat32 } from "../../model/files/safetensors.ts";
import { readStateDict } from "../../model/parameters/state_dict.ts";
import { Training } from "../../model/training/training.ts";
import { normal, testGpu } from "../kernels/harness.ts";
import { encodeReference, type NamedParameters } from "./reference_step.ts";

/** Odd widths; no dropout, so that losses can be computed again. */
const ENCODER = {
  vocabSize: 53,
  embeddingSize: 12,
  hiddenSize: 20,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 28,
  hiddenDropout: 0,
  attentionDropout: 0,
  maxPositionEmbeddings: 32,
  typeVocabSize: 2,
  initializerRange: 0.2,
  layerNormEpsilon: 1e-12,
};

const SEQUENCE = 11, LENGTHS = [11, 6, 9, 11, 3, 8];

/** Sequences of odd lengths, padded, for one head. */
function batchOf(task: string, labels: ArrayLike<number>): FinetuningBatch {
  const batch = LENGTHS.length;
  const inputIds = new Uint32Array(batch * SEQUENCE);
  const attentionMask = inputIds.slice(), tokenTypeIds = inputIds.slice();
  LENGTHS.forEach((length, row) => {
    for (let s = 0; s < length; s++) {
      inputIds[row * SEQUENCE + s] = 1 + (row * 31 + s * 17) % 52;
      attentionMask[row * SEQUENCE + s] = 1;
      tokenTypeIds[row * SEQUENCE + s] = Number(s > 4);
    }
  });
  return { task, batch, sequence: SEQUENCE, inputIds, attentionMask, tokenTypeIds, labels };
}

type Rows = Float64Array[];

function dense(parameters: NamedParameters, name: string, rows: Rows): Rows {
  const weight = parameters.get(`${name}.weight`)!, bias = parameters.get(`${name}.bias`)!;
  return rows.map((x) =>
    bias.map((b, o) => x.reduce((sum, value, i) => sum + value * weight[o * x.length + i], b))
  );
}

function gelu(rows: Rows): Rows {
  return rows.map((row) => row.map(geluReference));
}

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

interface HeadCase {
  readonly declare: DeclareHead;
  readonly labels: readonly number[];
  /** The loss from hidden states, sequence by sequence. */
  loss(parameters: NamedParameters, states: readonly Rows[]): number;
}

const CASES: Readonly<Record<string, HeadCase>> = {
  sequence_classification: {
    declare: classificationHead(4),
    labels: [0, 3, 1, 2, 3, 0],
    loss(parameters, states): number {
      const first = gelu(dense(parameters, "classifier.dense", states.map(([cls]) => cls)));
      const logits = dense(parameters, "classifier.out_proj", first).flatMap((row) => [...row]);
      return mean(softmaxCrossEntropyReference(logits, this.labels, 4, 1));
    },
  },
  regression: {
    declare: regressionHead(),
    labels: [0.5, 3.5, 1, 2.25, -1, 0],
    loss(parameters, states): number {
      const first = gelu(dense(parameters, "classifier.dense", states.map(([cls]) => cls)));
      const values = dense(parameters, "classifier.out_proj", first).map(([value]) => value);
      return mean(values.map((value, i) => (value - this.labels[i]) ** 2));
    },
  },
  token_classification: {
    declare: taggingHead(5),
    labels: Array.from({ length: LENGTHS.length * SEQUENCE }, (_, i) => {
      const [row, s] = [Math.floor(i / SEQUENCE), i % SEQUENCE];
      return s === 0 || s >= LENGTHS[row] - 1 || i % 7 === 3 ? -100 : i % 5;
    }),
    loss(parameters, states): number {
      const logits = dense(parameters, "classifier", states.flat());
      const kept = this.labels.flatMap((label, i) => label < 0 ? [] : [i]);
      const losses = softmaxCrossEntropyReference(
        kept.flatMap((i) => [...logits[i]]),
        kept.map((i) => this.labels[i]),
        5,
        1,
      );
      return mean(losses);
    },
  },
  question_answering: {
    declare: readingHead(),
    labels: [3, 5, 0, 0, 2, 2, 9, 10, 0, 0, 5, 7],
    loss(parameters, states): number {
      const logits = states.flatMap((rows) =>
        dense(parameters, "qa_outputs", rows).flatMap((row) => [...row])
      );
      return mean(softmaxCrossEntropyReference(logits, this.labels, SEQUENCE, 2));
    },
  },
  multiple_choice: {
    declare: multipleChoiceHead(3),
    labels: [2, 0],
    loss(parameters, states): number {
      const first = gelu(dense(parameters, "sequence_summary.summary", states.map(([cls]) => cls)));
      const logits = dense(parameters, "classifier", first).map(([logit]) => logit);
      return mean(softmaxCrossEntropyReference(logits, this.labels, 3, 1));
    },
  },
};

async function train(
  options: Partial<FinetuningOptions> & Pick<FinetuningOptions, "heads">,
  more: { readonly accumulationSteps?: number } = {},
): Promise<Training<FinetuningObjective>> {
  return await Training.create(
    await testGpu(),
    (store) => new FinetuningObjective(store, { encoder: ENCODER, ...options }),
    { seed: 5, learningRate: () => 1e-3, weightDecay: 0.01, ...more },
  );
}

async function read(
  training: Training<FinetuningObjective>,
  kind: string,
): Promise<Map<string, Float64Array>> {
  const dict = await readStateDict(training.store, kind);
  return new Map(
    [...dict].map(([name, tensor]) => [name, Float64Array.from(asFloat32(name, tensor))]),
  );
}

for (const [kind, head] of Object.entries(CASES)) {
  Deno.test(`${kind}: the loss and each tensor's gradient along a random direction agree with float64`, async () => {
    const training = await train({ heads: { x: head.declare } });
    const batch = batchOf("x", head.labels);
    const parameters = await read(training, "parameters");
    const reference = (at: NamedParameters): number => {
      const states = LENGTHS.map((_, row) => {
        const own = (values: Uint32Array): Uint32Array =>
          values.subarray(row * SEQUENCE, (row + 1) * SEQUENCE);
        const { inputIds, attentionMask, tokenTypeIds } = batch;
        return encodeReference(
          at,
          "",
          ENCODER,
          own(inputIds),
          own(attentionMask),
          own(tokenTypeIds),
        );
      });
      return head.loss(at, states);
    };
    const { metrics } = await training.train(batch);
    const { losses: { loss }, gradientNorm } = await metrics;
    assertAlmostEquals(loss, reference(parameters), 2e-5);
    const gradients = await read(training, "gradients");
    assertEquals([...gradients.keys()].sort(), [...parameters.keys()].sort());
    let number = 0;
    for (const [name, gradient] of gradients) {
      const direction = normal(gradient.length, 100 + number++);
      const along = (step: number): number => {
        const moved = parameters.get(name)!.map((value, i) => value + step * direction[i]);
        return reference(new Map(parameters).set(name, moved));
      };
      const slope = (along(1e-4) - along(-1e-4)) / 2e-4;
      const expected = gradient.reduce((sum, g, i) => sum + g * direction[i], 0);
      const size = Math.hypot(...direction) * gradientNorm;
      assertAlmostEquals(expected, slope, 1e-5 * size + 1e-6, name);
    }
    training.destroy();
  });
}

Deno.test("layers learn at rates that decay away from the head, and frozen ones do not move", async () => {
  const head = CASES.sequence_classification;
  for (const freezeLayers of [0, 1]) {
    const training = await train({ heads: { x: head.declare }, layerwiseDecay: 0.5, freezeLayers });
    const before = await read(training, "parameters");
    await (await training.train(batchOf("x", head.labels))).metrics;
    const after = await read(training, "parameters");
    // Adam's first step without bias correction is 0.1 / √0.001 of the rate for every element that has a
    // gradient well above epsilon.
    const moved = (name: string): number => {
      const [a, b] = [before.get(name)!, after.get(name)!];
      return Math.max(...a.map((value, i) => Math.abs(value - b[i])));
    };
    const rates: [string, number][] = [
      ["electra.embeddings.word_embeddings.weight", freezeLayers > 0 ? 0 : 1 / 16],
      ["electra.embeddings_project.weight", freezeLayers > 0 ? 0 : 1 / 16],
      ["electra.encoder.layer.0.output.dense.weight", freezeLayers > 0 ? 0 : 1 / 8],
      ["electra.encoder.layer.1.output.dense.weight", 1 / 4],
      ["classifier.dense.weight", 1],
      ["classifier.out_proj.bias", 1],
    ];
    for (const [name, rate] of rates) {
      const full = 1e-3 * rate * 0.1 / Math.sqrt(1e-3);
      assert(moved(name) <= full * 1.05 + 1e-6, `${name} moved ${moved(name)}`);
      assert(moved(name) >= full * 0.9, `${name} moved ${moved(name)} of ${full}`);
    }
    training.destroy();
  }
});

Deno.test("a batch in parts trains as one, and several heads share the encoder", async () => {
  const heads = { a: CASES.sequence_classification.declare, b: CASES.token_classification.declare };
  const batches = [
    batchOf("a", CASES.sequence_classification.labels),
    batchOf("b", CASES.token_classification.labels),
  ];
  const losses: number[][] = [];
  for (const accumulationSteps of [1, 2, 3]) {
    const training = await train({ heads }, { accumulationSteps });
    const own: number[] = [];
    for (let step = 0; step < 6; step++) {
      const { metrics } = await training.train(batches[step % 2]);
      own.push((await metrics).totalLoss);
    }
    losses.push(own);
    training.destroy();
  }
  for (const other of losses.slice(1)) {
    other.forEach((loss, step) => assertAlmostEquals(loss, losses[0][step], 2e-5));
  }
  assert(losses[0][4] < losses[0][0] && losses[0][5] < losses[0][1]);
});

Deno.test("evaluation gives logits of batches with and without labels, of any shape", async () => {
  const head = CASES.sequence_classification;
  const training = await train({ heads: { x: head.declare } });
  const full = batchOf("x", head.labels);
  const cut = <T extends Uint32Array>(values: T): Uint32Array => values.slice(0, 2 * SEQUENCE);
  const part = {
    ...full,
    batch: 2,
    inputIds: cut(full.inputIds),
    attentionMask: cut(full.attentionMask),
    tokenTypeIds: cut(full.tokenTypeIds),
    labels: undefined,
  };
  const whole = await training.evaluate([full]);
  const known = await training.evaluate([full, part]);
  assertAlmostEquals(known.loss, whole.loss, 1e-6);
  assertEquals(known.batches[1].logits.length, 8);
  known.batches[1].logits.forEach((logit, i) =>
    assertAlmostEquals(logit, whole.batches[0].logits[i], 1e-5)
  );
  assertEquals((await training.evaluate([part])).loss, NaN);
  training.destroy();
});

Deno.test("fine-tuning refuses unknown tasks, wrong counts of labels and too many frozen layers", async () => {
  const head = CASES.sequence_classification;
  await assertRejects(() => train({ heads: {} }), ModelError, "needs a head");
  await assertRejects(
    () => train({ heads: { x: head.declare }, freezeLayers: 3 }),
    ModelError,
    "has 2 layers",
  );
  const training = await train({ heads: { x: head.declare } });
  await assertRejects(
    () => training.train(batchOf("y", head.labels)),
    ModelError,
    `no head for "y"`,
  );
  await assertRejects(() => training.train(batchOf("x", [1])), ModelError, "has 1 labels");
  training.destroy();
});
