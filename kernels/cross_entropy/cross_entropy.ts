/**
 * Softmax cross-entropy over a vocabulary that comes in chunks, with sampling in the same pass.
 *
 * @module
 */
import {
  type Binding,
  bytesPerElement,
  declareBindings,
  declareParams,
  type KernelProgram,
  paramWords,
  requireDimensions,
  singleLaunch,
  specialise,
  spreadWorkgroups,
} from "../launch.ts";
import { randomLibrary, stepStateBinding } from "../random/random.ts";
import { unroll } from "../unroll.ts";
import forwardSource from "./cross_entropy.wgsl" with { type: "text" };
import backwardSource from "./cross_entropy_backward.wgsl" with { type: "text" };
import finishSource from "./cross_entropy_finish.wgsl" with { type: "text" };

/** One chunk of the vocabulary. */
export interface CrossEntropyChunkSpec {
  /** Predictions. */
  readonly rows: number;
  /** Pieces in the whole vocabulary. */
  readonly vocabulary: number;
  /** First piece of the chunk; a multiple of four. */
  readonly chunkStart: number;
  /** Pieces in the chunk. */
  readonly chunkColumns: number;
  /** Starts the state instead of continuing it. */
  readonly first: boolean;
  /** Draws an id for each row. */
  readonly sample: boolean;
  /** Temperature of the draw. */
  readonly temperature: number;
  /** Never draws the target (its logit is lowered by 1000). */
  readonly disallowCorrect: boolean;
  /** Random stream of the draw. */
  readonly stream: number;
  /** Rows that belong to one sequence of the batch, by which draws in parts of a batch agree; 1 by default. */
  readonly rowsPerSequence?: number;
  /** Storage of the logits; f32 by default. */
  readonly storage?: "f32" | "f16";
}

/** Values of a row (numbers, or vec4s of them) that one workgroup turns into gradients. */
const RUN = 1024;

function state(rows: number, access: Binding["access"]): Binding {
  return { name: "state", access, dtype: "u32", elements: 8 * rows };
}

/**
 * Folds a chunk of logits into the state of each row. The random word of (row, id) is element
 * row · (vocabulary rounded up to four) + id of the stream, with the row counted in the whole batch.
 *
 * Bindings: logits [rows, chunkColumns], targets u32 [rows], [stepState], state u32 [rows, 8].
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function crossEntropyChunk(spec: CrossEntropyChunkSpec): KernelProgram {
  const { rows, vocabulary, chunkStart, chunkColumns, first, sample, storage = "f32" } = spec;
  requireDimensions("crossEntropyChunk", {
    rows,
    vocabulary,
    chunkColumns,
    "chunkStart / 4 + 1": chunkStart / 4 + 1,
  });
  const bindings: Binding[] = [
    { name: "logits", access: "read", dtype: storage, elements: rows * chunkColumns },
    { name: "targets", access: "read", dtype: "u32", elements: rows },
    ...(sample ? [stepStateBinding] : []),
    state(rows, first ? "write" : "read_write"),
  ];
  const vectors = chunkColumns % 4 === 0;
  // A draw at temperature 1 shares the softmax's exponentials, unless the target must stay out of it.
  const shares = spec.temperature === 1 && !spec.disallowCorrect;
  const source = unroll(forwardSource, {
    VECTORS: Number(vectors),
    SCALARS: Number(!vectors),
    SAMPLE: Number(sample),
    SHARES: Number(sample && shares),
    OFFERS: Number(sample && !shares),
    DISALLOW_CORRECT: Number(spec.disallowCorrect),
    FIRST: Number(first),
    CONTINUES: Number(!first),
  });
  return singleLaunch({
    kernel: "cross_entropy",
    label: `${rows}×${chunkColumns}${sample ? " sampling" : ""}`,
    wgsl: specialise(source, {
      enables: storage === "f16" ? ["f16"] : [],
      constants: {
        VOCABULARY: vocabulary,
        TEMPERATURE: { f32: spec.temperature },
      },
      libraries: [
        ...(sample ? [randomLibrary] : []),
        declareBindings(bindings, vectors ? { logits: `vec4<${storage}>` } : {}),
        declareParams(bindings.length),
      ],
    }),
    bindings,
    params: paramWords("cross_entropy", source, {
      rows,
      rows_per_sequence: spec.rowsPerSequence ?? 1,
      chunk_start: chunkStart,
      chunk_columns: chunkColumns,
      stream: spec.stream,
    }),
    workgroups: spreadWorkgroups(rows),
    cost: {
      flops: (sample ? 12 : 5) * rows * chunkColumns,
      bytes: bytesPerElement(storage) * rows * chunkColumns,
    },
  });
}

/**
 * The results once all chunks are in.
 *
 * Bindings: state u32 [rows, 8], loss f32 [rows] (−log p of the target), predictedIds u32 [rows],
 * sampledIds u32 [rows].
 */
export function crossEntropyFinish({ rows }: { readonly rows: number }): KernelProgram {
  requireDimensions("crossEntropyFinish", { rows });
  const bindings: Binding[] = [
    state(rows, "read"),
    { name: "loss", access: "write", dtype: "f32", elements: rows },
    { name: "predictedIds", access: "write", dtype: "u32", elements: rows },
    { name: "sampledIds", access: "write", dtype: "u32", elements: rows },
  ];
  return singleLaunch({
    kernel: "cross_entropy_finish",
    label: `${rows}`,
    wgsl: specialise(finishSource, {
      libraries: [declareBindings(bindings), declareParams(bindings.length)],
    }),
    bindings,
    params: paramWords("cross_entropy_finish", finishSource, { rows }),
    workgroups: spreadWorkgroups(Math.ceil(rows / 64)),
    cost: { flops: 3 * rows, bytes: 44 * rows },
  });
}

/** Shapes of a chunk's gradient. */
export interface CrossEntropyBackwardSpec {
  /** Predictions. */
  readonly rows: number;
  /** First piece of the chunk. */
  readonly chunkStart: number;
  /** Pieces in the chunk. */
  readonly chunkColumns: number;
  /** The loss's factor in the total. */
  readonly gradientScale: number;
  /** Storage of the logits; f32 by default. */
  readonly storage?: "f32" | "f16";
  /** Storage of the gradients; that of the logits by default. */
  readonly gradientStorage?: "f32" | "f16";
}

/**
 * The gradients of a chunk of logits: in place where both are stored alike, else in logitsGradient.
 *
 * Bindings: logits [rows, chunkColumns], targets u32 [rows], weights f32 [rows], state,
 * normalizer f32 [1] (as of the loss), stepState (for the loss scale), [logitsGradient]
 * [rows, chunkColumns].
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function crossEntropyChunkBackward(spec: CrossEntropyBackwardSpec): KernelProgram {
  const { rows, chunkStart, chunkColumns, gradientScale, storage = "f32" } = spec;
  const { gradientStorage = storage } = spec;
  requireDimensions("crossEntropyChunkBackward", { rows, chunkColumns });
  const elements = rows * chunkColumns;
  const inPlace = gradientStorage === storage;
  const bindings: Binding[] = [
    { name: "logits", access: inPlace ? "read_write" : "read", dtype: storage, elements },
    { name: "targets", access: "read", dtype: "u32", elements: rows },
    { name: "weights", access: "read", dtype: "f32", elements: rows },
    state(rows, "read"),
    { name: "normalizer", access: "read", dtype: "f32", elements: 1 },
    stepStateBinding,
  ];
  if (!inPlace) {
    bindings.push({ name: "logitsGradient", access: "write", dtype: gradientStorage, elements });
  }
  const vectors = chunkColumns % 4 === 0, lanes = vectors ? 4 : 1;
  const typeOf = (dtype: string): string => vectors ? `vec4<${dtype}>` : dtype;
  const body = backwardSource.replaceAll("GRADIENT", inPlace ? "logits" : "logitsGradient");
  const names = { VECTORS: Number(vectors), SCALARS: Number(!vectors) };
  const values = chunkColumns / lanes, runs = Math.ceil(values / RUN);
  return singleLaunch({
    kernel: "cross_entropy_backward",
    label: `${rows}×${chunkColumns}`,
    wgsl: specialise(unroll(body, names), {
      enables: storage === "f16" || gradientStorage === "f16" ? ["f16"] : [],
      aliases: { Value: typeOf("f32"), Ids: typeOf("u32"), Stored: typeOf(gradientStorage) },
      constants: { SCALE: { f32: gradientScale } },
      libraries: [
        randomLibrary,
        declareBindings(bindings, {
          logits: typeOf(storage),
          logitsGradient: typeOf(gradientStorage),
        }),
        declareParams(bindings.length),
      ],
    }),
    bindings,
    params: paramWords("cross_entropy_backward", backwardSource, {
      rows,
      chunk_start: chunkStart,
      values,
      runs,
    }),
    workgroups: spreadWorkgroups(rows * runs),
    cost: {
      flops: 5 * elements,
      bytes: (bytesPerElement(storage) + bytesPerElement(gradientStorage)) * elements,
    },
  });
}
