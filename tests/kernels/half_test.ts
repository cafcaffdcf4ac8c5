import { attentionBackward, attentionForward } from "../../kernels/attention/attention.ts";
import { attentionReference } from "../../kernels/attention/reference.ts";
import {
  crossEntropyChunk,
  crossEntropyChunkBackward,
  crossEntropyFinish,
} from "../../kernels/cross_entropy/cross_entropy.ts";
import {
  crossEntropyBackwardReference,
  crossEntropyReference,
} from "../../kernels/cross_entropy/reference.ts";
import { layerNormBackward, layerNormForward } from "../../kernels/layernorm/layernorm.ts";
import {
  layerNormBackwardReference,
  layerNormReference,
} from "../../kernels/layernorm/reference.ts";
import { softmaxBackward, softmaxForward } from "../../kernels/softmax/softmax.ts";
import { softmaxBackwardReference, softmaxReference } from "../../kernels/softmax/reference.ts";
import { assertClose, fromHalf, halfTest, normal, runTwice, toHalf } from "./harness.ts";

const storage = "f16";

/** Half a unit in the last place of f16, with room for sums. */
const HALF = 6e-4;

/** Normal numbers that f16 holds exactly. */
function halves(count: number, seed: number): Float32Array {
  return fromHalf(toHalf(normal(count, seed)));
}

await halfTest("attention over f16 keeps its sums in f32", async (gpu) => {
  const { subgroupSize } = gpu.features;
  for (const [sequence, headSize, lanes] of [[19, 8, 0], [9, 5, 0], [37, 32, subgroupSize]]) {
    const spec = { batch: 1, heads: 2, sequence, headSize, storage, subgroupSize: lanes } as const;
    const size = 2 * sequence * headSize;
    const qkv = halves(3 * size, 1), gradient = halves(size, 2);
    const attentionMask = Uint32Array.from({ length: sequence }, (_, i) => Number(i < 7));
    const expected = attentionReference(spec, { qkv, attentionMask }, gradient);
    const forward = await runTwice(gpu, attentionForward(spec), {
      qkv: toHalf(qkv),
      attentionMask,
    });
    assertClose(fromHalf(forward.context), expected.context, HALF, "context");
    assertClose(forward.logSumExp, expected.logSumExp, 1e-6, "log-sum-exp");
    const backward = await runTwice(gpu, attentionBackward(spec), {
      contextGradient: toHalf(gradient),
      qkv: toHalf(qkv),
      context: forward.context,
      logSumExp: forward.logSumExp,
      attentionMask,
    });
    assertClose(fromHalf(backward.qkvGradient), expected.qkvGradient, HALF, "gradient");
  }
});

await halfTest("layernorm over f16 keeps its statistics in f32", async (gpu) => {
  const { subgroupSize } = gpu.features;
  for (const [rows, columns, lanes] of [[67, 64, 0], [5, 31, 0], [67, 68, subgroupSize]]) {
    const shape = { rows, columns, epsilon: 1e-12, residual: true, subgroupSize: lanes };
    const spec = { ...shape, storage } as const;
    const hidden = halves(rows * columns, 1), residual = halves(rows * columns, 2);
    const weight = normal(columns, 3), bias = normal(columns, 4);
    const forward = await runTwice(gpu, layerNormForward(spec), {
      hidden: toHalf(hidden),
      residual: toHalf(residual),
      weight,
      bias,
    });
    const sum = fromHalf(forward.sum);
    assertClose(sum, hidden.map((x, i) => x + residual[i]), HALF, "sum");
    const all = { ...spec, sum, weight, bias };
    assertClose(fromHalf(forward.output), layerNormReference(all).output, 2 * HALF, "output");
    const outputGradient = halves(rows * columns, 5);
    const backward = await runTwice(gpu, layerNormBackward(spec), {
      outputGradient: toHalf(outputGradient),
      sum: forward.sum,
      weight,
      statistics: forward.statistics,
    });
    const expected = layerNormBackwardReference(all, outputGradient);
    assertClose(fromHalf(backward.hiddenGradient), expected.sum, 2 * HALF, "gradient");
    assertClose(backward.weightGradient, expected.weight, 2 * HALF, "weight gradient");
    assertClose(backward.biasGradient, expected.bias, 1e-6, "bias gradient");
  }
});

await halfTest("softmax over f16 agrees with float64", async (gpu) => {
  const { subgroupSize } = gpu.features;
  for (const [rows, columns, lanes] of [[65, 64, 0], [3, 67, 0], [5, 68, subgroupSize]]) {
    const spec = { rows, columns, storage, subgroupSize: lanes } as const;
    const input = halves(rows * columns, 1), outputGradient = halves(rows * columns, 2);
    const forward = await runTwice(gpu, softmaxForward(spec), {
      input: toHalf(input),
    });
    const output = fromHalf(forward.output);
    assertClose(output, softmaxReference(rows, columns, input), HALF, "softmax");
    const backward = await runTwice(gpu, softmaxBackward(spec), {
      output: forward.output,
      outputGradient: toHalf(outputGradient),
    });
    const expected = softmaxBackwardReference(rows, columns, output, outputGradient);
    assertClose(fromHalf(backward.inputGradient), expected, HALF, "gradient");
  }
});

await halfTest("cross-entropy over f16 logits keeps its sums in f32", async (gpu) => {
  for (const [rows, vocabulary] of [[5, 300], [3, 37]]) {
    const logits = halves(rows * vocabulary, 1), weights = new Float32Array(rows).fill(1);
    const targets = Uint32Array.from({ length: rows }, (_, i) => i * 7);
    const stepState = Uint32Array.of(1, 2, 0, 0x3f800000);
    const { state } = await runTwice(
      gpu,
      crossEntropyChunk({
        rows,
        vocabulary,
        chunkStart: 0,
        chunkColumns: vocabulary,
        first: true,
        sample: false,
        temperature: 1,
        disallowCorrect: false,
        stream: 0,
        storage,
      }),
      { logits: toHalf(logits), targets },
    );
    const { loss } = await runTwice(gpu, crossEntropyFinish({ rows }), { state });
    assertClose(loss, crossEntropyReference(vocabulary, logits, targets), 1e-6, "loss");
    const backward = await runTwice(
      gpu,
      crossEntropyChunkBackward({
        rows,
        chunkStart: 0,
        chunkColumns: vocabulary,
        gradientScale: 50,
        storage,
      }),
      {
        logits: toHalf(logits),
        targets,
        weights,
        state,
        stepState,
        normalizer: Float32Array.of(1 / rows),
      },
    );
    const scaled = weights.map((w) => 50 * w / rows);
    const expected = crossEntropyBackwardReference(vocabulary, logits, targets, scaled);
    assertClose(fromHalf(backward.logits), expected, HALF, "logit gradients");
  }
});
