/**
 * Corruption of the input: samples put in place of the masked tokens.
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
import source from "./replace_tokens.wgsl" with { type: "text" };

/** Shapes of a replacement. */
export interface ReplaceTokensSpec {
  /** Sequences. */
  readonly batch: number;
  /** Tokens in a sequence. */
  readonly sequence: number;
  /** Replacements for each. */
  readonly picks: number;
}

/**
 * outputIds = inputIds with replacements[b, p] at positions[b, p] where weights[b, p] > 0; labels = 1
 * where the output differs from the input.
 *
 * Bindings: inputIds u32 [batch·sequence]; positions u32, weights f32, replacements u32 [batch, picks];
 * outputIds u32 and labels f32 [batch·sequence].
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function replaceTokens({ batch, sequence, picks }: ReplaceTokensSpec): KernelProgram {
  requireDimensions("replaceTokens", { batch, sequence, picks });
  const tokens = batch * sequence;
  const bindings: Binding[] = [
    { name: "inputIds", access: "read", dtype: "u32", elements: tokens },
    { name: "positions", access: "read", dtype: "u32", elements: batch * picks },
    { name: "weights", access: "read", dtype: "f32", elements: batch * picks },
    { name: "replacements", access: "read", dtype: "u32", elements: batch * picks },
    { name: "outputIds", access: "write", dtype: "u32", elements: tokens },
    { name: "labels", access: "write", dtype: "f32", elements: tokens },
  ];
  return singleLaunch({
    kernel: "replace_tokens",
    label: `${batch}×${sequence}`,
    wgsl: specialise(source, {
      libraries: [declareBindings(bindings), declareParams(bindings.length)],
    }),
    bindings,
    params: paramWords("replace_tokens", source, { batch, sequence, picks }),
    workgroups: spreadWorkgroups(Math.ceil(tokens / 64)),
    cost: { flops: 0, bytes: 12 * (tokens + batch * picks) },
  });
}
