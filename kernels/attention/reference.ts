/**
 * Attention and its gradients in float64, with the whole matrix of scores.
 *
 * @module
 */
import type { AttentionSpec } from "./attention.ts";

/** Inputs of the reference. */
export interface AttentionOperands {
  /** [batch·sequence, 3·heads·headSize] */
  readonly qkv: ArrayLike<number>;
  /** [batch, sequence] */
  readonly attentionMask: ArrayLike<number>;
  /** Factors of the probabilities [batch, heads, sequence, sequence], for dropout. */
  readonly factors?: ArrayLike<number>;
}

/**
 * Context and log-sum-exp; with `contextGradient`, the gradient of qkv as well, in which padded queries have
 * no part unless `skipPadding` is false.
 */
export function attentionReference(
  { batch, heads, sequence: S, headSize: D, skipPadding = true }: AttentionSpec,
  { qkv, attentionMask, factors }: AttentionOperands,
  contextGradient?: ArrayLike<number>,
): { context: Float64Array; logSumExp: Float64Array; qkvGradient: Float64Array } {
  const H = heads * D;
  const context = new Float64Array(batch * S * H);
  const logSumExp = new Float64Array(batch * heads * S);
  const qkvGradient = new Float64Array(3 * batch * S * H);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const at = (token: number, part: number): number =>
        (b * S + token) * 3 * H + part * H + h * D;
      const out = (token: number): number => (b * S + token) * H + h * D;
      for (let i = 0; i < S; i++) {
        const row = (b * heads + h) * S + i;
        const scores = Float64Array.from({ length: S }, (_, j) => {
          let dot = 0;
          for (let d = 0; d < D; d++) dot += qkv[at(i, 0) + d] * qkv[at(j, 1) + d];
          return dot / Math.sqrt(D) + (attentionMask[b * S + j] ? 0 : -10000);
        });
        const largest = Math.max(...scores);
        const total = scores.reduce((sum, s) => sum + Math.exp(s - largest), 0);
        logSumExp[row] = largest + Math.log(total);
        const p = scores.map((s) => Math.exp(s - logSumExp[row]));
        const factor = (j: number): number => factors ? factors[row * S + j] : 1;
        for (let j = 0; j < S; j++) {
          for (let d = 0; d < D; d++) {
            context[out(i) + d] += p[j] * factor(j) * qkv[at(j, 2) + d];
          }
        }
        if (!contextGradient || (skipPadding && !attentionMask[b * S + i])) continue;
        const dp = p.map((_, j) => {
          let dot = 0;
          for (let d = 0; d < D; d++) dot += contextGradient[out(i) + d] * qkv[at(j, 2) + d];
          return dot * factor(j);
        });
        const projection = p.reduce((sum, value, j) => sum + value * dp[j], 0);
        for (let j = 0; j < S; j++) {
          const ds = p[j] * (dp[j] - projection) / Math.sqrt(D);
          for (let d = 0; d < D; d++) {
            qkvGradient[at(i, 0) + d] += ds * qkv[at(j, 1) + d];
            qkvGradient[at(j, 1) + d] += ds * qkv[at(i, 0) + d];
            qkvGradient[at(j, 2) + d] += p[j] * factor(j) * contextGradient[out(i) + d];
          }
        }
      }
    }
  }
  return { context, logSumExp, qkvGradient };
}
