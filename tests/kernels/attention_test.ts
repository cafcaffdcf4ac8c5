import { assert, assertThrows } from "@std/assert/mod.js";
import {
  attentionBackward,
  attentionForward,
  type AttentionSpec,
  type AttentionVariant,
  attentionVariants,
} from "../../kernels/attention/attention.ts";
import { attentionReference } from "../../kernels/attention/reference.ts";
import { KernelError } from "../../kernels/errors.ts";
import { dropoutThreshold, randomWord } from "../../kernels/random/random.ts";
import { assertGradient, dot } from "./gradients.ts";
import { assertClose, normal, runTwice, testGpu } from "./harness.ts";

/** Two thirds of each row real, the last row of several all padding. */
function mask({ batch, sequence }: AttentionSpec): Uint32Array {
  return Uint32Array.from({ length: batch * sequence }, (_, i) => {
    const row = Math.floor(i / sequence), place = i % sequence;
    return row > 0 && row === batch - 1 ? 0 : Number(place < Math.ceil(sequence * 2 / 3));
  });
}

/** Holds every variant that can do the shape to the reference. */
async function holdAllToReference(
  spec: AttentionSpec,
  factors?: Float64Array,
  stepState?: Uint32Array,
): Promise<void> {
  const { subgroupSize } = (await testGpu()).features;
  for (const variant of attentionVariants) {
    if (variant === "subgroup" && (subgroupSize < 4 || spec.headSize % 4 !== 0)) continue;
    await holdToReference({ ...spec, subgroupSize }, variant, factors, stepState);
    // Wide subgroups must be able to do what narrow ones do.
    if (variant === "subgroup" && subgroupSize >= 8) {
      await holdToReference({ ...spec, subgroupSize: 4 }, variant, factors, stepState);
    }
  }
}

async function holdToReference(
  spec: AttentionSpec,
  variant: AttentionVariant,
  factors?: Float64Array,
  stepState?: Uint32Array,
): Promise<void> {
  const { batch, heads, sequence, headSize } = spec;
  const size = batch * sequence * heads * headSize;
  const qkv = normal(3 * size, 1), contextGradient = normal(size, 2), attentionMask = mask(spec);
  const expected = attentionReference(spec, { qkv, attentionMask, factors }, contextGradient);
  const what = `${batch}×${heads}×${sequence}×${headSize} ${variant}`;
  const state: Record<string, Uint32Array> = stepState ? { stepState } : {};
  const forward = await runTwice(await testGpu(), attentionForward(spec, variant), {
    qkv,
    attentionMask,
    ...state,
  });
  // A row of padding alone has scores near −10000, where f32 keeps three digits behind the point.
  const padded = batch > 1;
  assertClose(forward.context, expected.context, padded ? 3e-4 : 3e-6, `context ${what}`);
  const backward = await runTwice(await testGpu(), attentionBackward(spec, variant), {
    contextGradient,
    qkv,
    context: forward.context,
    logSumExp: forward.logSumExp,
    attentionMask,
    ...state,
  });
  assertClose(backward.qkvGradient, expected.qkvGradient, padded ? 3e-4 : 5e-6, what);
}

Deno.test("attention and its gradients agree with float64 at head sizes 1, 5, 8, 32, 64 and 72", async () => {
  const shapes = [[1, 1, 1, 1], [1, 2, 7, 5], [1, 3, 67, 8], [1, 4, 65, 32], [1, 1, 33, 64]];
  for (const [batch, heads, sequence, headSize] of [...shapes, [1, 2, 13, 72]]) {
    await holdAllToReference({ batch, heads, sequence, headSize });
  }
});

Deno.test("attention stays finite and close to float64 in a row of padding alone", async () => {
  await holdAllToReference({ batch: 3, heads: 2, sequence: 11, headSize: 8 });
});

Deno.test("attention drops the probabilities that the host's words say, forward and backward", async () => {
  const spec = { batch: 1, heads: 2, sequence: 13, headSize: 8, dropout: 0.3, stream: 21 };
  const { heads, sequence: S, dropout } = spec;
  const factors = Float64Array.from({ length: heads * S * S }, (_, i) => {
    const row = Math.floor(i / S), key = i % S;
    const word = randomWord(8, 21, 9, 4 * (row * Math.ceil(S / 4)) + key);
    return word >= dropoutThreshold(dropout) ? 1 / (1 - dropout) : 0;
  });
  assert(factors.includes(0));
  await holdAllToReference(spec, factors, Uint32Array.of(8, 9, 0, 0));
});

Deno.test("attention's reference gradient agrees with central differences on 2×2×5×3", () => {
  const spec = { batch: 2, heads: 2, sequence: 5, headSize: 3 };
  const qkv = normal(180, 1), gradient = normal(60, 2);
  const attentionMask = Uint32Array.of(1, 1, 1, 1, 0, 1, 1, 1, 1, 1);
  const { qkvGradient } = attentionReference(spec, { qkv, attentionMask }, gradient);
  const loss = (point: Float64Array): number =>
    dot(attentionReference(spec, { qkv: point, attentionMask }).context, gradient);
  assertGradient(loss, qkv, qkvGradient, "qkv");
});

Deno.test("attention refuses a head of no size", () => {
  const spec = { batch: 1, heads: 1, sequence: 4, headSize: 0 };
  assertThrows(() => attentionForward(spec), KernelError, "headSize");
});
