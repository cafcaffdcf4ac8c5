/**
 * The encoder: embeddings and a stack of post-norm transformer layers (Clark et al., ICLR 2020;
 * Devlin et al., 2019).
 *
 * @module
 */
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { attention } from "../ops/attention.ts";
import { dropout, embed } from "../ops/embedding.ts";
import { layerNorm, residualLayerNorm } from "../ops/layernorm.ts";
import { feedForward, linear } from "../ops/linear.ts";
import type { EncoderConfig } from "./config.ts";
import type { EncoderWeights, LayerWeights } from "./weights.ts";

/** Token inputs of an encoder, each u32 [batch, sequence]. */
export interface EncoderInputs {
  /** Token ids. */
  readonly inputIds: Tensor;
  /** 1 for a real token, 0 for padding. */
  readonly attentionMask: Tensor;
  /** Segment of each token. */
  readonly tokenTypeIds: Tensor;
  /** Blocks of tokens that may be passed over: see `paddingOf`. */
  readonly padding?: Tensor;
}

/**
 * Hidden states of the last layer, [batch·sequence, hidden].
 *
 * @param options.recompute makes each layer's activations again in the backward pass instead of keeping them.
 */
export function encode(
  tape: Tape,
  config: EncoderConfig,
  weights: EncoderWeights,
  { inputIds, attentionMask, tokenTypeIds, padding }: EncoderInputs,
  { recompute = false }: { readonly recompute?: boolean } = {},
): Tensor {
  const { embeddings, projection, layers } = weights;
  const embedded = embed(tape, inputIds, tokenTypeIds, embeddings);
  const normalized = layerNorm(tape, embedded, embeddings.layerNorm, config.layerNormEpsilon);
  let hiddenStates = dropout(tape, normalized, config.hiddenDropout);
  if (projection) hiddenStates = linear(tape, hiddenStates, projection, { padding });
  for (const layer of layers) {
    const below = hiddenStates;
    const body = (): Tensor => transformerLayer(tape, config, layer, below, attentionMask, padding);
    hiddenStates = recompute ? tape.recompute("transformer layer", body) : body();
  }
  return hiddenStates;
}

/** One post-norm layer: attention, then the feed-forward block, each joined to its input by a layernorm. */
export function transformerLayer(
  tape: Tape,
  config: EncoderConfig,
  weights: LayerWeights,
  hiddenStates: Tensor,
  attentionMask: Tensor,
  padding?: Tensor,
): Tensor {
  const [batch, sequence] = attentionMask.shape;
  const join = { epsilon: config.layerNormEpsilon, dropout: config.hiddenDropout };

  // A bias of the keys shifts all scores of a query alike, which softmax does not see.
  const inertBias = [config.hiddenSize, 2 * config.hiddenSize] as const;
  const queryKeyValue = linear(tape, hiddenStates, weights.queryKeyValue, { inertBias, padding });
  const context = attention(tape, queryKeyValue, attentionMask, {
    batch,
    sequence,
    heads: config.numAttentionHeads,
    dropout: config.attentionDropout,
  });
  const attended = residualLayerNorm(
    tape,
    linear(tape, context, weights.attentionOutput, { padding }),
    hiddenStates,
    weights.attentionLayerNorm,
    join,
  );
  const fed = feedForward(tape, attended, weights.intermediate, weights.output, padding);
  return residualLayerNorm(tape, fed, attended, weights.outputLayerNorm, join);
}
