/**
 * ELECTRA's losses in float64 from named tensors: an independent, slow and plain forward pass, so that
 * gradients can be checked by differences.
 */
import { geluReference } from "../../kernels/gelu/reference.ts";
import type { EncoderConfig } from "../../model/transformer/config.ts";

/** Parameters by their full names, as float64. */
export type NamedParameters = ReadonlyMap<string, Float64Array>;

type Matrix = Float64Array[];

function get(parameters: NamedParameters, prefix: string, name: string): Float64Array {
  const tied = name.startsWith("electra.embeddings.") ? `discriminator.${name}` : "";
  const found = parameters.get(prefix + name) ?? parameters.get(tied);
  if (!found) throw new Error(`no ${prefix}${name}`);
  return found;
}

function dense(rows: Matrix, weight: Float64Array, bias: Float64Array): Matrix {
  return rows.map((x) =>
    bias.map((b, o) => {
      let sum = b;
      for (let i = 0; i < x.length; i++) sum += x[i] * weight[o * x.length + i];
      return sum;
    })
  );
}

function norm(rows: Matrix, weight: Float64Array, bias: Float64Array, epsilon: number): Matrix {
  return rows.map((x) => {
    const mean = x.reduce((a, b) => a + b, 0) / x.length;
    const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length;
    return x.map((v, i) => (v - mean) / Math.sqrt(variance + epsilon) * weight[i] + bias[i]);
  });
}

function plus(a: Matrix, b: Matrix): Matrix {
  return a.map((row, i) => row.map((v, j) => v + b[i][j]));
}

/** Hidden states of one sequence. */
export function encodeReference(
  parameters: NamedParameters,
  prefix: string,
  config: EncoderConfig,
  ids: ArrayLike<number>,
  mask: ArrayLike<number>,
  types: ArrayLike<number>,
): Matrix {
  const w = (name: string): Float64Array => get(parameters, prefix, name);
  const lin = (x: Matrix, name: string): Matrix => dense(x, w(`${name}.weight`), w(`${name}.bias`));
  const ln = (x: Matrix, name: string): Matrix =>
    norm(x, w(`${name}.weight`), w(`${name}.bias`), config.layerNormEpsilon);
  const e = "electra.embeddings", E = config.embeddingSize;
  let x: Matrix = Array.from(
    ids,
    (id, s) =>
      Float64Array.from({ length: E }, (_, i) =>
        w(`${e}.word_embeddings.weight`)[id * E + i] +
        w(`${e}.position_embeddings.weight`)[s * E + i] +
        w(`${e}.token_type_embeddings.weight`)[types[s] * E + i]),
  );
  x = ln(x, `${e}.LayerNorm`);
  if (E !== config.hiddenSize) x = lin(x, "electra.embeddings_project");
  const d = config.hiddenSize / config.numAttentionHeads;
  for (let i = 0; i < config.numHiddenLayers; i++) {
    const at = `electra.encoder.layer.${i}`;
    const [q, k, v] = ["query", "key", "value"].map((n) => lin(x, `${at}.attention.self.${n}`));
    const context = x.map(() => new Float64Array(config.hiddenSize));
    for (let h = 0; h < config.numAttentionHeads; h++) {
      for (let a = 0; a < x.length; a++) {
        const scores = Array.from(x, (_, b) => {
          let dot = 0;
          for (let j = h * d; j < (h + 1) * d; j++) dot += q[a][j] * k[b][j];
          return dot / Math.sqrt(d) + (mask[b] ? 0 : -10000);
        });
        const largest = Math.max(...scores);
        const p = scores.map((s) => Math.exp(s - largest));
        const total = p.reduce((s, one) => s + one, 0);
        for (let b = 0; b < x.length; b++) {
          for (let j = h * d; j < (h + 1) * d; j++) context[a][j] += p[b] / total * v[b][j];
        }
      }
    }
    x = ln(
      plus(lin(context, `${at}.attention.output.dense`), x),
      `${at}.attention.output.LayerNorm`,
    );
    const inner = lin(x, `${at}.intermediate.dense`).map((row) => row.map(geluReference));
    x = ln(plus(lin(inner, `${at}.output.dense`), x), `${at}.output.LayerNorm`);
  }
  return x;
}

/** The generator's logits of the vocabulary from the hidden states of some positions. */
export function generatorLogitsReference(
  parameters: NamedParameters,
  config: EncoderConfig,
  states: Matrix,
): Matrix {
  const w = (name: string): Float64Array => get(parameters, "generator.", name);
  const head = "generator_predictions";
  const inner = dense(states, w(`${head}.dense.weight`), w(`${head}.dense.bias`))
    .map((x) => x.map(geluReference));
  const weight = w(`${head}.LayerNorm.weight`), bias = w(`${head}.LayerNorm.bias`);
  const table = w("electra.embeddings.word_embeddings.weight");
  return dense(
    norm(inner, weight, bias, config.layerNormEpsilon),
    table,
    w("generator_lm_head.bias"),
  );
}

/** The discriminator's logit of each hidden state. */
export function discriminatorLogitsReference(
  parameters: NamedParameters,
  states: Matrix,
): number[] {
  const w = (name: string): Float64Array =>
    get(parameters, "discriminator.", `discriminator_predictions.${name}`);
  const inner = dense(states, w("dense.weight"), w("dense.bias")).map((x) => x.map(geluReference));
  const prediction = dense(inner, w("dense_prediction.weight"), w("dense_prediction.bias"));
  return prediction.map(([logit]) => logit);
}

/** What the losses are computed from; arrays of [batch, sequence] or [batch, picks]. */
export interface ReferenceBatch {
  readonly inputIds: ArrayLike<number>;
  readonly attentionMask: ArrayLike<number>;
  readonly tokenTypeIds: ArrayLike<number>;
  readonly maskedInputIds: ArrayLike<number>;
  readonly maskedPositions: ArrayLike<number>;
  readonly maskedIds: ArrayLike<number>;
  readonly maskedWeights: ArrayLike<number>;
  readonly corruptedInputIds: ArrayLike<number>;
}

/** The masked-LM loss and the discriminator's loss. */
export function lossesReference(
  parameters: NamedParameters,
  generator: EncoderConfig,
  discriminator: EncoderConfig,
  batch: ReferenceBatch,
  sequence: number,
): { mlm: number; disc: number } {
  const rows = batch.inputIds.length / sequence;
  const picks = batch.maskedPositions.length / rows;
  const cut = (data: ArrayLike<number>, row: number, width: number): number[] =>
    Array.from({ length: width }, (_, i) => data[row * width + i]);
  let mlm = 0, weights = 0, disc = 0, tokens = 0;
  for (let row = 0; row < rows; row++) {
    const mask = cut(batch.attentionMask, row, sequence);
    const types = cut(batch.tokenTypeIds, row, sequence);
    const masked = cut(batch.maskedInputIds, row, sequence);
    const states = encodeReference(parameters, "generator.", generator, masked, mask, types);
    for (let m = 0; m < picks; m++) {
      const at = row * picks + m;
      const weight = batch.maskedWeights[at];
      weights += weight;
      if (weight === 0) continue;
      const picked = [states[batch.maskedPositions[at]]];
      const [logits] = generatorLogitsReference(parameters, generator, picked);
      const largest = Math.max(...logits);
      const total = logits.reduce((s, l) => s + Math.exp(l - largest), 0);
      mlm += weight * (Math.log(total) + largest - logits[batch.maskedIds[at]]);
    }
    const corrupted = cut(batch.corruptedInputIds, row, sequence);
    const seen = encodeReference(
      parameters,
      "discriminator.",
      discriminator,
      corrupted,
      mask,
      types,
    );
    const logits = discriminatorLogitsReference(parameters, seen);
    for (let s = 0; s < sequence; s++) {
      if (!mask[s]) continue;
      const x = logits[s];
      const label = Number(corrupted[s] !== batch.inputIds[row * sequence + s]);
      disc += Math.max(x, 0) - x * label + Math.log1p(Math.exp(-Math.abs(x)));
      tokens++;
    }
  }
  return { mlm: mlm / (weights + 1e-6), disc: disc / (tokens + 1e-6) };
}
