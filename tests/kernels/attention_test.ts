import { assert, assertEquals, assertThrows } from "@std/assert/mod.js";
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
import { assertClose, normal, runProgram, runTwice, testGpu } from "./harness.ts";

/** Two thirds of each row real, the last row of several all padding. */
function mask({ batch, sequence }: AttentionSpec): Uint32Array {
  return Uint32Array.from({ length: batch * sequence }, (_, i) => {
    const row = Math.floor(i / sequence), place = i % sequence;
    return row > 0 && row === batch - 1 ? 0 : Number(place < Math.ceil(sequence * 2 / 3));
  });
}

/** Every variant that can do the shape on this adapter, with the spec that brings it about. */
async function suitable(spec: AttentionSpec): Promise<[AttentionSpec, AttentionVariant][]> {
  const { subgroupSize } = (await testGpu()).features;
  const cases: [AttentionSpec, AttentionVariant][] = [];
  for (const variant of attentionVariants) {
    const across = subgroupSize >= 4 && spec.headSize % 4 === 0 && spec.headSize <= 128;
    if (variant === "subgroup" && !across) continue;
    cases.push([{ ...spec, subgroupSize }, variant]);
    // GPUs with many registers take larger tiles.
    if (variant === "tile") cases.push([{ ...spec, subgroupSize: 32 }, variant]);
    // Wide subgroups must be able to do what narrow ones do.
    if (variant === "subgroup" && subgroupSize >= 8) {
      cases.push([{ ...spec, subgroupSize: 4 }, variant]);
    }
  }
  return cases;
}

/** Holds every variant that can do the shape to the reference. */
async function holdAllToReference(
  spec: AttentionSpec,
  factors?: Float64Array,
  stepState?: Uint32Array,
): Promise<void> {
  for (const [suited, variant] of await suitable(spec)) {
    await holdToReference(suited, variant, factors, stepState);
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

Deno.test("attention and its gradients agree with float64 at head sizes 1, 5, 8, 32, 64, 72 and 160", async () => {
  const shapes = [[1, 1, 1, 1], [1, 2, 7, 5], [1, 3, 67, 8], [1, 4, 65, 32], [1, 1, 33, 64]];
  for (const [batch, heads, sequence, headSize] of [...shapes, [1, 2, 13, 72], [1, 1, 34, 160]]) {
    await holdAllToReference({ batch, heads, sequence, headSize });
  }
});

/** Seed and step of the tests with dropout. */
const STEP_STATE = Uint32Array.of(8, 9, 0, 0);

/** The factors that the host's random words give. */
function dropoutFactors(
  { batch, heads, sequence, dropout = 0, stream = 0 }: AttentionSpec,
): Float64Array {
  const [seed, step] = STEP_STATE, quads = Math.ceil(sequence / 4);
  return Float64Array.from({ length: batch * heads * sequence * sequence }, (_, i) => {
    const row = Math.floor(i / sequence), key = i % sequence;
    const word = randomWord(seed, stream, step, 4 * row * quads + key);
    return word >= dropoutThreshold(dropout) ? 1 / (1 - dropout) : 0;
  });
}

Deno.test("attention stays finite and close to float64 in a row of padding alone", async () => {
  await holdAllToReference({ batch: 3, heads: 2, sequence: 11, headSize: 8 });
});

Deno.test("attention drops the probabilities that the host's words say, forward and backward", async () => {
  const spec = { batch: 1, heads: 2, sequence: 13, headSize: 8, dropout: 0.3, stream: 21 };
  const factors = dropoutFactors(spec);
  assert(factors.includes(0));
  await holdAllToReference(spec, factors, STEP_STATE);
});

/** Sequences of the padding tests: two workgroups of 64 and a rest. */
const S = 133;

/** Masks with padding behind, before, between and around, at the bounds of blocks of 4, 16, 32 and 64. */
const MASKS: Readonly<Record<string, (token: number) => boolean>> = {
  "no padding": () => true,
  "padding alone": () => false,
  ...Object.fromEntries(
    [1, 4, 15, 16, 32, 33, 64, 65, 128].map((n) => [`length ${n}`, (token) => token < n]),
  ),
  "a hole of 64": (token) => token < 64 || token >= 128,
  "holes of 16": (token) => token % 32 < 16,
  "a ragged hole": (token) => token < 13 || token > 101,
  "padding before": (token) => token >= 71,
  "the last token alone": (token) => token === S - 1,
  "one token in 20": (token) => token % 20 === 19,
  "every other token": (token) => token % 2 === 0,
};

Deno.test("attention skips padding wherever it lies: near float64, and bit for bit as without skipping", async () => {
  const names = Object.keys(MASKS);
  const spec = {
    batch: names.length,
    heads: 1,
    sequence: S,
    headSize: 8,
    dropout: 0.3,
    stream: 21,
  };
  const row = S * spec.headSize;
  const attentionMask = Uint32Array.from(
    { length: spec.batch * S },
    (_, i) => Number(MASKS[names[Math.floor(i / S)]](i % S)),
  );
  const qkv = normal(3 * spec.batch * row, 1), any = normal(spec.batch * row, 2);
  const zeroAtPadding = any.map((g, i) => attentionMask[Math.floor(i / spec.headSize)] * g);
  const factors = dropoutFactors(spec);
  const expected = attentionReference(spec, { qkv, attentionMask, factors }, any);
  const gpu = await testGpu();
  for (const [suited, variant] of await suitable(spec)) {
    const run = async (skipPadding: boolean, contextGradient: Float32Array) => {
      const input = { qkv, attentionMask, stepState: STEP_STATE };
      const padded = { ...suited, skipPadding };
      const { context, logSumExp } = await runProgram(
        gpu,
        attentionForward(padded, variant),
        input,
      );
      const given = { ...input, contextGradient, context, logSumExp };
      const { qkvGradient } = await runProgram(gpu, attentionBackward(padded, variant), given);
      return { context, logSumExp, qkvGradient };
    };
    const skipped = await run(true, any);
    const gradient = expected.qkvGradient;
    names.forEach((name, i) => {
      const part = <T extends ArrayLike<number>>(all: T, size: number): number[] =>
        Array.from(all).slice(i * size, (i + 1) * size);
      const what = `${name}, ${variant} of ${suited.subgroupSize}`;
      const near = name === "padding alone" ? 3e-4 : 5e-6;
      assertClose(part(skipped.context, row), part(expected.context, row), near, `context ${what}`);
      assertClose(part(skipped.qkvGradient, 3 * row), part(gradient, 3 * row), 5e-6, what);
    });
    // Padding has no part in the gradients, whatever arrives there; where zeros arrive, skipping is exact.
    assertEquals(await run(true, zeroAtPadding), skipped);
    assertEquals(await run(false, zeroAtPadding), skipped);
  }
});

Deno.test("attention does not read the keys, and in its gradients the queries, of a block that is padding", async () => {
  const spec = { batch: 1, heads: 2, sequence: S, headSize: 8 };
  const hidden = spec.heads * spec.headSize;
  const isPadding = (token: number): boolean => token >= 64 && token < 128;
  const attentionMask = Uint32Array.from({ length: S }, (_, token) => Number(!isPadding(token)));
  const poison = (data: Float32Array, columns: number): Float32Array =>
    data.map((value, i) => isPadding(Math.floor(i / columns)) ? NaN : value);
  const qkv = poison(normal(3 * S * hidden, 1), 3 * hidden);
  const contextGradient = poison(normal(S * hidden, 2), hidden);
  const gpu = await testGpu();
  for (const [suited, variant] of await suitable(spec)) {
    const { context, logSumExp } = await runProgram(gpu, attentionForward(suited, variant), {
      qkv,
      attentionMask,
    });
    context.forEach((value, i) =>
      assertEquals(Number.isNaN(value), isPadding(Math.floor(i / hidden)), `${variant}: ${i}`)
    );
    const { qkvGradient } = await runProgram(gpu, attentionBackward(suited, variant), {
      contextGradient,
      qkv,
      context,
      logSumExp,
      attentionMask,
    });
    qkvGradient.forEach((value, i) =>
      assert(isPadding(Math.floor(i / (3 * hidden))) ? value === 0 : Number.isFinite(value))
    );
  }
});

Deno.test("attention that does not skip padding gives the gradients of padded queries as well", async () => {
  await holdAllToReference({
    batch: 2,
    heads: 1,
    sequence: 9,
    headSize: 8,
    skipPadding: false,
  });
});

Deno.test("attention's reference gradient agrees with central differences on 2×2×5×3", () => {
  const spec = { batch: 2, heads: 2, sequence: 5, headSize: 3, skipPadding: false };
  const qkv = normal(180, 1), gradient = normal(60, 2);
  const attentionMask = Uint32Array.of(1, 1, 1, 1, 0, 1, 1, 1, 1, 1);
  const { qkvGradient } = attentionReference(spec, { qkv, attentionMask }, gradient);
  const loss = (point: Float64Array): number =>
    dot(attentionReference(spec, { qkv: point, attentionMask }).context, gradient);
  assertGradient(loss, qkv, qkvGradient, "qkv");
});

Deno.test("attention refuses a head of no size, and one that workgroup memory cannot hold", () => {
  const spec = { batch: 1, heads: 1, sequence: 4, headSize: 0 };
  assertThrows(() => attentionForward(spec), KernelError, "headSize");
  const huge = { ...spec, headSize: 1024 };
  assertThrows(() => attentionForward(huge), KernelError, "workgroup memory");
  assertThrows(() => attentionBackward(huge), KernelError, "workgroup memory");
});
