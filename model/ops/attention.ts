/**
 * Multi-head self-attention over fused queries, keys and values.
 *
 * @module
 */
import { attentionBackward, attentionForward } from "../../kernels/attention/attention.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { ModelError } from "../errors.ts";

/** Shape and dropout of an attention. */
export interface AttentionOptions {
  /** Sequences. */
  readonly batch: number;
  /** Heads. */
  readonly heads: number;
  /** Tokens in a sequence. */
  readonly sequence: number;
  /** Dropout of the probabilities, where the tape trains. */
  readonly dropout: number;
}

/**
 * softmax(q·kᵀ/√d + mask)·v for each head.
 *
 * @param qkv [batch·sequence, 3·hidden]: queries, keys and values side by side.
 * @param attentionMask u32 [batch, sequence], 1 for a real token.
 * @returns [batch·sequence, hidden]
 */
export function attention(
  tape: Tape,
  qkv: Tensor,
  attentionMask: Tensor,
  options: AttentionOptions,
): Tensor {
  const { batch, heads, sequence } = options;
  const hidden = qkv.columns / 3;
  if (qkv.rows !== batch * sequence || hidden % heads !== 0) {
    throw new ModelError(
      `attention: ${qkv} does not hold ${batch}×${sequence} rows of ${heads} heads with ${attentionMask}`,
    );
  }
  const dropout = tape.training ? options.dropout : 0;
  const spec = {
    batch,
    heads,
    sequence,
    headSize: hidden / heads,
    dropout,
    stream: dropout > 0 ? tape.nextStream() : 0,
    storage: tape.storage,
    skipPadding: tape.skipPadding,
    subgroupSize: tape.subgroupSize,
  };
  const context = tape.activation("attention context", [batch * sequence, hidden], tape.storage);
  const logSumExp = tape.activation("attention log-sum-exp", [batch, heads, sequence]);
  tape.run("attention", attentionForward(spec), { qkv, attentionMask, context, logSumExp });
  tape.differentiate("attention", [qkv], [context], (gradients) => {
    gradients.into(qkv, (qkvGradient, accumulate) => {
      if (accumulate) throw new ModelError(`attention: ${qkv} has another use`);
      tape.run("attention backward", attentionBackward(spec), {
        contextGradient: gradients.of(context),
        qkv,
        context,
        logSumExp,
        attentionMask,
        qkvGradient,
      });
    });
  });
  return context;
}
