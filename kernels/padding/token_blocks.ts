/**
 * Which blocks of tokens are padding, so that products may pass over them.
 *
 * @module
 */
import {
  type Binding,
  declareBindings,
  declareParams,
  type KernelProgram,
  paramWords,
  requireDimensions,
  singleLaunch,
  specialise,
  spreadWorkgroups,
} from "../launch.ts";
import source from "./token_blocks.wgsl" with { type: "text" };

/** Tokens in a block: what matmul's kernels walk over at a time. */
export const TOKEN_BLOCK = 16;

/** Blocks of so many tokens. */
export function tokenBlocksOf(tokens: number): number {
  return Math.ceil(tokens / TOKEN_BLOCK);
}

/**
 * For each block of {@link TOKEN_BLOCK} tokens the first one from it on that holds a real token; the number of
 * blocks where none does.
 *
 * Bindings: attentionMask u32 [tokens], tokenBlocks u32 [⌈tokens / 16⌉].
 *
 * @throws {KernelError} when there are no tokens.
 */
export function tokenBlocks({ tokens }: { readonly tokens: number }): KernelProgram {
  requireDimensions("tokenBlocks", { tokens });
  const blocks = tokenBlocksOf(tokens);
  const bindings: Binding[] = [
    { name: "attentionMask", access: "read", dtype: "u32", elements: tokens },
    { name: "tokenBlocks", access: "write", dtype: "u32", elements: blocks },
  ];
  return singleLaunch({
    kernel: "token_blocks",
    label: `${tokens}`,
    wgsl: specialise(source, {
      constants: { BLOCK: TOKEN_BLOCK },
      libraries: [declareBindings(bindings), declareParams(bindings.length)],
    }),
    bindings,
    params: paramWords("token_blocks", source, { tokens }),
    workgroups: spreadWorkgroups(Math.ceil(blocks / 64)),
    cost: { flops: 0, bytes: 4 * (tokens + blocks) },
  });
}
