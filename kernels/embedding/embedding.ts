/**
 * Token embeddings: lookup of word, position and segment, and the gradients of the three tables, all
 * without float atomics.
 *
 * @module
 */
import { fill } from "../elementwise/elementwise.ts";
import {
  type Binding,
  bytesPerElement,
  declareBindings,
  declareParams,
  type KernelLaunch,
  type KernelProgram,
  paramWords,
  requireDimensions,
  type Scratch,
  singleLaunch,
  specialise,
  spreadWorkgroups,
} from "../launch.ts";
import { groupRows, sumLaunch } from "../reduce/column_sum.ts";
import { unroll } from "../unroll.ts";
import carriesSource from "./add_carries.wgsl" with { type: "text" };
import forwardSource from "./embedding.wgsl" with { type: "text" };
import positionSource from "./position_gradient.wgsl" with { type: "text" };
import rankSource from "./rank_tokens.wgsl" with { type: "text" };
import runsSource from "./sum_runs.wgsl" with { type: "text" };
import typeSource from "./type_gradient.wgsl" with { type: "text" };

/** Sorted tokens that one invocation adds up. */
const PIECE = 32;

/** Shapes of a lookup. */
export interface EmbeddingSpec {
  /** Sequences. */
  readonly batch: number;
  /** Tokens in a sequence; at most `positions`. */
  readonly sequence: number;
  /** Width of the tables. */
  readonly columns: number;
  /** Rows of the word table. */
  readonly vocabulary: number;
  /** Rows of the position table. */
  readonly positions: number;
  /** Rows of the segment table. */
  readonly types: number;
  /** Storage of the output; f32 by default. */
  readonly storage?: "f32" | "f16";
}

/**
 * output = word[id] + position[place] + type[segment]. Ids past a table are clamped to its last row.
 *
 * Bindings: ids u32 [batch·sequence], typeIds u32 [batch·sequence], wordTable, positionTable, typeTable
 * f32, output [batch·sequence, columns].
 *
 * @throws {KernelError} for dimensions that are not positive, or a sequence longer than the positions.
 */
export function embeddingForward(spec: EmbeddingSpec): KernelProgram {
  const { batch, sequence, columns, vocabulary, positions, types, storage = "f32" } = spec;
  requireDimensions("embedding", { batch, sequence, columns, vocabulary, positions, types });
  requireDimensions("embedding", { "positions − sequence + 1": positions - sequence + 1 });
  const tokens = batch * sequence, elements = tokens * columns;
  const bindings: Binding[] = [
    { name: "ids", access: "read", dtype: "u32", elements: tokens },
    { name: "typeIds", access: "read", dtype: "u32", elements: tokens },
    { name: "wordTable", access: "read", dtype: "f32", elements: vocabulary * columns },
    { name: "positionTable", access: "read", dtype: "f32", elements: positions * columns },
    { name: "typeTable", access: "read", dtype: "f32", elements: types * columns },
    { name: "output", access: "write", dtype: storage, elements },
  ];
  return singleLaunch({
    kernel: "embedding",
    label: `${tokens}×${columns}`,
    wgsl: specialise(forwardSource, {
      enables: storage === "f16" ? ["f16"] : [],
      aliases: { Elem: storage },
      constants: { COLUMNS: columns, VOCABULARY: vocabulary, TYPES: types },
      libraries: [declareBindings(bindings), declareParams(bindings.length)],
    }),
    bindings,
    params: paramWords("embedding", forwardSource, { tokens, sequence }),
    workgroups: spreadWorkgroups(Math.ceil(elements / 64)),
    cost: { flops: 2 * elements, bytes: (12 + bytesPerElement(storage)) * elements },
  });
}

/** Shapes of the word table's gradient. */
export interface WordGradientSpec {
  /** Tokens; batch · sequence. */
  readonly tokens: number;
  /** Width of the table. */
  readonly columns: number;
  /** Rows of the table. */
  readonly vocabulary: number;
  /** Adds to the table gradient; else rows without a token become 0. */
  readonly accumulate?: boolean;
  /** Storage of the output's gradient; f32 by default. */
  readonly storage?: "f32" | "f16";
}

/**
 * tableGradient[id] (+)= Σ of outputGradient over the tokens with that id: tokens are sorted by id, runs
 * of equal ids are summed in pieces, and pieces are joined, always in the same order.
 *
 * Bindings: ids u32 [tokens], outputGradient [tokens, columns], tableGradient f32
 * [vocabulary, columns].
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function embeddingWordBackward(spec: WordGradientSpec): KernelProgram {
  const { tokens, columns, vocabulary, accumulate = false, storage = "f32" } = spec;
  requireDimensions("embeddingWordBackward", { tokens, columns, vocabulary });
  const pieces = Math.ceil(tokens / PIECE);
  const scratch: Scratch[] = [
    { name: "sortedIds", dtype: "u32", elements: tokens },
    { name: "order", dtype: "u32", elements: tokens },
    { name: "carry", dtype: "f32", elements: 2 * pieces * columns },
  ];
  const sorted: Binding = { name: "sortedIds", access: "read", dtype: "u32", elements: tokens };
  const table: Binding = {
    name: "tableGradient",
    access: "read_write",
    dtype: "f32",
    elements: vocabulary * columns,
  };
  const carry = (access: "read" | "write"): Binding => ({
    name: "carry",
    access,
    dtype: "f32",
    elements: 2 * pieces * columns,
  });
  const constants = { COLUMNS: columns, PIECE }, lengths = { tokens };
  const launches: KernelLaunch[] = [];
  if (!accumulate) {
    const [zero] = fill({ elements: vocabulary * columns, value: 0 }).launches;
    launches.push({
      ...zero,
      wgsl: zero.wgsl.replaceAll("output", "tableGradient"),
      bindings: [{ ...zero.bindings[0], name: "tableGradient" }],
    });
  }
  launches.push(
    launch("rank_tokens", rankSource, { VOCABULARY: vocabulary }, lengths, [
      { name: "ids", access: "read", dtype: "u32", elements: tokens },
      { ...sorted, access: "write" },
      { name: "order", access: "write", dtype: "u32", elements: tokens },
    ], spreadWorkgroups(Math.ceil(tokens / 64))),
    launch(
      "sum_runs",
      runsSource,
      constants,
      lengths,
      [
        sorted,
        { name: "order", access: "read", dtype: "u32", elements: tokens },
        { name: "outputGradient", access: "read", dtype: storage, elements: tokens * columns },
        table,
        carry("write"),
      ],
      spreadWorkgroups(Math.ceil(columns / 64) * pieces),
      2 * tokens * columns,
    ),
  );
  if (pieces > 1) {
    launches.push(launch(
      "add_carries",
      carriesSource,
      constants,
      lengths,
      [sorted, carry("read"), table],
      spreadWorkgroups(Math.ceil(columns / 64) * pieces),
      4 * pieces * columns,
    ));
  }
  return { launches, scratch };
}

/** Shapes of the position table's gradient. */
export interface PositionGradientSpec {
  /** Sequences. */
  readonly batch: number;
  /** Tokens in a sequence. */
  readonly sequence: number;
  /** Width of the table. */
  readonly columns: number;
  /** Rows of the table. */
  readonly positions: number;
  /** Adds to the table gradient. */
  readonly accumulate?: boolean;
  /** Storage of the output's gradient; f32 by default. */
  readonly storage?: "f32" | "f16";
}

/**
 * tableGradient[place] (+)= Σ of outputGradient at that place over the batch.
 *
 * Bindings: outputGradient [batch·sequence, columns], tableGradient f32 [positions, columns].
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function embeddingPositionBackward(spec: PositionGradientSpec): KernelProgram {
  const { batch, sequence, columns, positions, accumulate = false, storage = "f32" } = spec;
  requireDimensions("embeddingPositionBackward", { batch, sequence, columns, positions });
  return singleLaunch(
    launch(
      "position_gradient",
      unroll(positionSource, { ACCUMULATE: Number(accumulate) }),
      { COLUMNS: columns, POSITIONS: positions },
      { batch, sequence },
      [
        {
          name: "outputGradient",
          access: "read",
          dtype: storage,
          elements: batch * sequence * columns,
        },
        {
          name: "tableGradient",
          access: accumulate ? "read_write" : "write",
          dtype: "f32",
          elements: positions * columns,
        },
      ],
      spreadWorkgroups(Math.ceil(positions * columns / 64)),
    ),
  );
}

/** Shapes of the segment table's gradient. */
export interface TypeGradientSpec {
  /** Tokens; batch · sequence. */
  readonly tokens: number;
  /** Width of the table. */
  readonly columns: number;
  /** Rows of the table. */
  readonly types: number;
  /** Adds to the table gradient. */
  readonly accumulate?: boolean;
  /** Storage of the output's gradient; f32 by default. */
  readonly storage?: "f32" | "f16";
}

/**
 * tableGradient[segment] (+)= Σ of outputGradient over the tokens of that segment, in two stages.
 *
 * Bindings: typeIds u32 [tokens], outputGradient [tokens, columns], tableGradient f32 [types, columns].
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function embeddingTypeBackward(spec: TypeGradientSpec): KernelProgram {
  const { tokens, columns, types, accumulate = false, storage = "f32" } = spec;
  requireDimensions("embeddingTypeBackward", { tokens, columns, types });
  const perGroup = groupRows(tokens);
  const groups = Math.ceil(tokens / perGroup);
  const table = types * columns;
  const partials = launch(
    "type_gradient",
    typeSource,
    { COLUMNS: columns, TYPES: types },
    { tokens, group_rows: perGroup },
    [
      { name: "typeIds", access: "read", dtype: "u32", elements: tokens },
      { name: "outputGradient", access: "read", dtype: storage, elements: tokens * columns },
      { name: "partial", access: "write", dtype: "f32", elements: groups * table },
    ],
    spreadWorkgroups(Math.ceil(table / 64) * groups),
  );
  return {
    launches: [
      partials,
      sumLaunch("partial", "tableGradient", groups, table, groups, accumulate, "f32"),
    ],
    scratch: [{ name: "partial", dtype: "f32", elements: groups * table }],
  };
}

/** @param touched elements of the table's gradient that are read or written, where not all are. */
function launch(
  kernel: string,
  source: string,
  constants: Readonly<Record<string, number>>,
  lengths: Readonly<Record<string, number>>,
  bindings: readonly Binding[],
  workgroups: readonly [number, number, number],
  touched = Infinity,
): KernelLaunch {
  const bytes = bindings.reduce(
    (sum, { name, dtype, elements }) =>
      sum +
      bytesPerElement(dtype) * (name === "tableGradient" ? Math.min(elements, touched) : elements),
    0,
  );
  const half = bindings.some(({ dtype }) => dtype === "f16");
  return {
    kernel,
    label: [...Object.values(lengths), ...Object.values(constants)].join("×"),
    wgsl: specialise(source, {
      enables: half ? ["f16"] : [],
      constants,
      libraries: [declareBindings(bindings), declareParams(bindings.length)],
    }),
    bindings,
    params: paramWords(kernel, source, lengths),
    workgroups,
    cost: { flops: 0, bytes },
  };
}
