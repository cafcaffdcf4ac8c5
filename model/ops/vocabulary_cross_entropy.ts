/**
 * Softmax cross-entropy over the vocabulary, in chunks.
 *
 * @module
 */
import {
  crossEntropyChunk,
  crossEntropyChunkBackward,
  crossEntropyFinish,
} from "../../kernels/cross_entropy/cross_entropy.ts";
import { weightedSum } from "../../kernels/loss/loss.ts";
import { bytesPerElement } from "../../kernels/launch.ts";
import { matmulOn } from "./matmul.ts";
import { columnSum } from "../../kernels/reduce/column_sum.ts";
import { BINDING_ALIGNMENT, type Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { ModelError } from "../errors.ts";

/** Bytes that one chunk of logits takes at most, unless the device binds fewer. */
const CHUNK_BYTES = 1 << 27;

/** How the vocabulary head works. */
export interface VocabularyOptions {
  /** Bytes that one chunk of logits may take; 128 MB by default, or less where the device binds less. */
  readonly chunkBytes?: number;
  /** Draw a token from softmax(logits / temperature) for each row. */
  readonly sample: boolean;
  /** Temperature of the draw. */
  readonly temperature: number;
  /** Never draw the true token. */
  readonly disallowCorrect: boolean;
}

/** How the rows of a loss are weighed. */
export interface LossWeights {
  /** f32, one for each row: 0 leaves a row out. */
  readonly weights: Tensor;
  /** f32 [1], written by the host: one over the weights of the whole batch, however it is divided. */
  readonly normalizer: Tensor;
}

/** What the vocabulary head gives. */
export interface VocabularyLoss {
  /** f32 [1]: the weighted sum of the rows' losses times the normaliser. */
  readonly loss: Tensor;
  /** f32 [rows]: −log p(target). */
  readonly rowLoss: Tensor;
  /** u32 [rows]: the most probable id. */
  readonly predictedIds: Tensor;
  /** u32 [rows]: the drawn id. */
  readonly sampledIds: Tensor;
}

/**
 * Softmax cross-entropy of hidden·tableᵀ + bias, never holding more logits than one chunk of the
 * vocabulary. Where one chunk holds all, its logits are kept for the backward pass; else they are made
 * again there.
 *
 * @param hidden [rows, columns]
 * @param table [vocabulary, columns]
 * @param bias [vocabulary]
 * @param targets u32 [rows], or [batch, rows of a sequence], by which draws agree however a batch is divided.
 */
export function vocabularyCrossEntropy(
  tape: Tape,
  hidden: Tensor,
  table: Tensor,
  bias: Tensor,
  targets: Tensor,
  { weights, normalizer }: LossWeights,
  options: VocabularyOptions,
): VocabularyLoss {
  const { rows, columns } = hidden;
  const vocabulary = table.rows;
  if (table.columns !== columns || bias.elements !== vocabulary || targets.elements !== rows) {
    throw new ModelError(
      `vocabulary head: ${hidden} does not fit ${table}, ${bias} and ${targets}`,
    );
  }
  const { storage } = tape;
  const alignment = BINDING_ALIGNMENT / bytesPerElement(storage);
  const { chunkBytes = Math.min(CHUNK_BYTES, tape.maxStorageBufferBindingSize) } = options;
  const chunks = vocabularyChunks(rows, vocabulary, chunkBytes, alignment);
  const stored = tape.stored(table);
  const stream = options.sample ? tape.nextStream() : 0;
  const state = tape.activation("vocabulary state", [rows, 8], "u32");
  const logitsOf = ({ start, count }: VocabularyChunk): Tensor => {
    const logits = tape.activation("vocabulary logits", [rows, count]);
    const spec = { m: rows, n: count, k: columns, layout: "NT", bias: true } as const;
    tape.run(
      "vocabulary logits",
      matmulOn(tape, { ...spec, outputStorage: "f32" }, { n: vocabulary }),
      {
        a: hidden,
        b: tape.slice(stored, start * columns, [count, columns]),
        bias: tape.slice(bias, start, [count]),
        c: logits,
      },
    );
    return logits;
  };
  let kept: Tensor | undefined;
  for (const chunk of chunks) {
    const logits = logitsOf(chunk);
    tape.run(
      "vocabulary cross-entropy",
      crossEntropyChunk({
        rows,
        vocabulary,
        chunkStart: chunk.start,
        chunkColumns: chunk.count,
        first: chunk.start === 0,
        sample: options.sample,
        temperature: options.temperature,
        disallowCorrect: options.disallowCorrect,
        stream,
        rowsPerSequence: targets.shape.length > 1 ? targets.columns : 1,
      }),
      { logits, targets, state },
    );
    if (chunks.length === 1) kept = logits;
  }
  const rowLoss = tape.activation("masked-LM row losses", [rows]);
  const predictedIds = tape.activation("predicted ids", [rows], "u32");
  const sampledIds = tape.activation("sampled ids", [rows], "u32");
  tape.run("vocabulary cross-entropy", crossEntropyFinish({ rows }), {
    state,
    loss: rowLoss,
    predictedIds,
    sampledIds,
  });
  const loss = tape.activation("masked-LM loss", [1]);
  tape.run("masked-LM loss", weightedSum({ elements: rows }), {
    values: rowLoss,
    weights,
    normalizer,
    result: loss,
  });
  tape.differentiate("vocabulary head", [hidden, table, bias], [loss], (gradients) => {
    // The chunks write separate rows of these gradients, so what holds for one holds for all.
    const tableTarget = gradients.target(table);
    const biasTarget = gradients.target(bias);
    for (const chunk of chunks) {
      const { start, count } = chunk;
      const logits = kept ?? logitsOf(chunk);
      // In f32 the gradients take the logits' place.
      const logitsGradient = storage === "f32"
        ? logits
        : tape.activation("gradient of vocabulary logits", [rows, count], storage);
      tape.run(
        "vocabulary cross-entropy backward",
        crossEntropyChunkBackward({
          rows,
          chunkStart: start,
          chunkColumns: count,
          gradientScale: gradients.lossWeight(loss),
          gradientStorage: storage,
        }),
        {
          logits,
          targets,
          weights,
          state,
          normalizer,
          ...(storage === "f32" ? {} : { logitsGradient }),
        },
      );
      gradients.into(hidden, (c, accumulate) => {
        tape.run(
          "vocabulary hidden gradient",
          matmulOn(tape, { m: rows, n: columns, k: count, layout: "NN", accumulate }, {
            k: vocabulary,
          }),
          { a: logitsGradient, b: tape.slice(stored, start * columns, [count, columns]), c },
        );
      });
      if (tableTarget) {
        const { gradient, accumulate } = tableTarget;
        const spec = { m: count, n: columns, k: rows, layout: "TN", accumulate } as const;
        tape.run(
          "vocabulary table gradient",
          matmulOn(tape, { ...spec, outputStorage: "f32" }, { m: vocabulary }),
          {
            a: logitsGradient,
            b: hidden,
            c: tape.slice(gradient, start * columns, [count, columns]),
          },
        );
      }
      if (biasTarget) {
        const { gradient, accumulate } = biasTarget;
        const { subgroupSize } = tape;
        const spec = { rows, columns: count, accumulate, storage, subgroupSize };
        tape.run("vocabulary bias gradient", columnSum(spec), {
          input: logitsGradient,
          output: tape.slice(gradient, start, [count]),
        });
      }
    }
  });
  return { loss, rowLoss, predictedIds, sampledIds };
}

interface VocabularyChunk {
  readonly start: number;
  readonly count: number;
}

/**
 * Cuts a vocabulary into runs whose logits take at most `chunkBytes`.
 *
 * @param alignment runs start at multiples of this, so that their rows may be bound.
 */
export function vocabularyChunks(
  rows: number,
  vocabulary: number,
  chunkBytes: number,
  alignment = 64,
): readonly { readonly start: number; readonly count: number }[] {
  const fitting = Math.floor(chunkBytes / (4 * rows));
  if (fitting >= vocabulary) return [{ start: 0, count: vocabulary }];
  const most = Math.floor(fitting / alignment) * alignment;
  if (most === 0) {
    throw new ModelError(
      `vocabulary head: ${rows} predictions × ${alignment} pieces take more than the ` +
        `${chunkBytes} bytes that one binding may hold: use a smaller batch`,
    );
  }
  // Equal chunks share their pipelines; only the last may differ.
  const count = Math.ceil(vocabulary / Math.ceil(vocabulary / most) / alignment) *
    alignment;
  const chunks: VocabularyChunk[] = [];
  for (let start = 0; start < vocabulary; start += count) {
    chunks.push({ start, count: Math.min(count, vocabulary - start) });
  }
  return chunks;
}
