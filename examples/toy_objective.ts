/** Trains an encoder on an objective of one's own: which tokens equal the first one of their sequence? */
import * as kohaku from "../mod.ts";

const BATCH = 16, SEQUENCE = 8, VOCABULARY = 4;
const SHAPE = { vocabSize: VOCABULARY, hiddenSize: 32, numHiddenLayers: 2 };
const CONFIG = kohaku.encoderConfig({ ...SHAPE, hiddenDropout: 0, attentionDropout: 0 });

/** The objective: an encoder, one logit a token, and what they learn from batches of token ids. */
class EqualsFirst implements kohaku.Objective<Uint32Array, { accuracy: number }> {
  readonly encoder: kohaku.EncoderWeights;
  readonly head: kohaku.DenseWeights;

  constructor(store: kohaku.ParameterStore) {
    const weights = new kohaku.WeightFactory(store, "", CONFIG.initializerRange);
    this.encoder = weights.encoder(CONFIG);
    this.head = weights.dense("head", 1, CONFIG.hiddenSize);
  }
  record(tape: kohaku.Tape, { batch, sequence }: kohaku.BatchShape): kohaku.Recording {
    const inputs = {
      inputIds: tape.input("input ids", [batch, sequence], "u32"),
      attentionMask: tape.input("attention mask", [batch, sequence], "u32"),
      tokenTypeIds: tape.input("token types", [batch, sequence], "u32"),
      labels: tape.input("labels", [batch, sequence], "f32"),
      weights: tape.input("weights", [batch, sequence], "f32"),
      normalizer: tape.input("normaliser", [1], "f32"),
    };
    const hiddenStates = kohaku.encode(tape, CONFIG, this.encoder, inputs);
    const logits = kohaku.linear(tape, hiddenStates, this.head, { outputStorage: "f32" });
    const loss = kohaku.sigmoidCrossEntropy(tape, logits, inputs.labels, inputs);
    return { inputs, losses: [{ name: "equals first", loss, weight: 1 }], outputs: { logits } };
  }
  prepare(inputIds: Uint32Array): kohaku.PreparedBatch {
    const attentionMask = inputIds.map(() => 1), tokenTypeIds = inputIds.map(() => 0);
    const equals = inputIds.map((id, i) => Number(id === inputIds[i - i % SEQUENCE]));
    const weights = Float32Array.from(attentionMask), normalizer = kohaku.normalizerOf(weights);
    const labels = Float32Array.from(equals);
    return {
      shape: { batch: inputIds.length / SEQUENCE, sequence: SEQUENCE },
      inputs: { inputIds, attentionMask, tokenTypeIds, labels, weights, normalizer },
    };
  }
  evaluation(): kohaku.Evaluation<Uint32Array, { accuracy: number }> {
    const right: boolean[] = [];
    return {
      add: (_, { inputs: { labels } }, { logits }) =>
        logits.forEach((logit, i) => right.push((logit > 0) === (labels[i] > 0))),
      result: () => ({ accuracy: right.filter(Boolean).length / right.length }),
    };
  }
}

const batchOf = (step: number): Uint32Array =>
  new Uint32Array(BATCH * SEQUENCE).map((_, i) => kohaku.randomWord(7, 0, step, i) % VOCABULARY);
const gpu = await kohaku.Gpu.request();
const options = { seed: 1, learningRate: (done: number) => 1e-3 * Math.min(1, done / 100) };
const training = await kohaku.Training.create(gpu, (store) => new EqualsFirst(store), options);
for (let step = 1; step <= 400; step++) await training.train(batchOf(step));
console.log(await training.evaluate([batchOf(1001), batchOf(1002)]));
