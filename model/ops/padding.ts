/**
 * Padding that dense layers skip in training.
 *
 * No loss looks at a padded token, and attention gives padded keys a probability of exactly 0. So what the
 * layers make of padding is free, as long as it is finite, and every gradient that arrives there is 0: tiles of
 * padded rows need no sums, and sums over tokens need no padding. Outside of training all is computed, so that
 * predictions at padding are what other implementations give.
 *
 * @module
 */
import { tokenBlocks, tokenBlocksOf } from "../../kernels/padding/token_blocks.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";

/**
 * The blocks of tokens that dense layers over all tokens may skip; undefined outside of training.
 *
 * @param attentionMask u32 [batch, sequence]
 * @returns u32 [blocks]: 0 for each block that is padding.
 */
export function paddingOf(tape: Tape, attentionMask: Tensor): Tensor | undefined {
  if (!tape.training || !tape.skipPadding) return undefined;
  const tokens = attentionMask.elements;
  const blocks = tape.activation("blocks of tokens", [tokenBlocksOf(tokens)], "u32");
  tape.run("blocks of tokens", tokenBlocks({ tokens }), { attentionMask, tokenBlocks: blocks });
  return blocks;
}
