/**
 * Multi-head self-attention that never stores the matrix of scores: forward keeps the log-sum-exp of each
 * row, backward makes the probabilities again (Dao et al., "FlashAttention", 2022).
 *
 * @module
 */
import {
  type Binding,
  bytesPerElement,
  declareBindings,
  declareParams,
  type KernelLaunch,
  type KernelProgram,
  requireDimensions,
  singleLaunch,
  specialise,
} from "../launch.ts";
import { dropoutThreshold, randomLibrary, stepStateBinding } from "../random/random.ts";
import { unroll } from "../unroll.ts";
import commonSource from "./attention_common.wgsl" with { type: "text" };
import forwardSource from "./attention_forward.wgsl" with { type: "text" };
import gradientSource from "./attention_gradient_common.wgsl" with { type: "text" };
import keySource from "./attention_key_gradient.wgsl" with { type: "text" };
import querySource from "./attention_query_gradient.wgsl" with { type: "text" };

/** Shape of an attention. */
export interface AttentionSpec {
  /** Sequences. */
  readonly batch: number;
  /** Heads. */
  readonly heads: number;
  /** Tokens in a sequence. */
  readonly sequence: number;
  /** Columns of one head. */
  readonly headSize: number;
  /** Dropout rate of the probabilities; 0 by default. */
  readonly dropout?: number;
  /** Random stream of the dropout. */
  readonly stream?: number;
  /** Storage of qkv, context and their gradients; f32 by default. */
  readonly storage?: "f32" | "f16";
}

/** Heads along y; the rest go along z. Known to the kernels. */
const HEADS_ALONG_Y = 32_768;

/**
 * context = softmax(q·kᵀ/√headSize + mask)·v for each head; padded keys get −10000 on their score.
 *
 * The dropout of (row, key) takes lane key % 4 of block row · ⌈sequence / 4⌉ + key / 4, row =
 * (b · heads + h) · sequence + query.
 *
 * Bindings: qkv [batch·sequence, 3·heads·headSize]; attentionMask u32 [batch, sequence]; [stepState];
 * context [batch·sequence, heads·headSize]; logSumExp f32 [batch, heads, sequence].
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function attentionForward(spec: AttentionSpec): KernelProgram {
  const { qkv, context, rows, storage } = sizes(spec);
  return singleLaunch(build("attention", forwardSource, spec, 4, [
    { name: "qkv", access: "read", dtype: storage, elements: qkv },
    maskBinding(spec),
    ...stateOf(spec),
    { name: "context", access: "write", dtype: storage, elements: context },
    { name: "logSumExp", access: "write", dtype: "f32", elements: rows },
  ]));
}

/**
 * Gradients of {@link attentionForward}.
 *
 * Bindings: contextGradient, qkv, context, logSumExp, attentionMask, [stepState], qkvGradient.
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function attentionBackward(spec: AttentionSpec): KernelProgram {
  const { qkv, context, rows, storage } = sizes(spec);
  const shared: Binding[] = [
    { name: "contextGradient", access: "read", dtype: storage, elements: context },
    { name: "qkv", access: "read", dtype: storage, elements: qkv },
    maskBinding(spec),
    ...stateOf(spec),
    { name: "logSumExp", access: "read", dtype: "f32", elements: rows },
  ];
  const projection = (access: "read" | "write"): Binding => ({
    name: "rowProjection",
    access,
    dtype: "f32",
    elements: rows,
  });
  // The two kernels write different columns of one tensor, so together they write all of it.
  const gradient: Binding = { name: "qkvGradient", access: "write", dtype: storage, elements: qkv };
  return {
    launches: [
      build("attention_query_gradient", querySource, spec, 6, [
        ...shared,
        { name: "context", access: "read", dtype: storage, elements: context },
        projection("write"),
        gradient,
      ]),
      build("attention_key_gradient", keySource, spec, 8, [
        ...shared,
        projection("read"),
        gradient,
      ]),
    ],
    scratch: [{ name: "rowProjection", dtype: "f32", elements: rows }],
  };
}

function sizes(
  spec: AttentionSpec,
): { qkv: number; context: number; rows: number; storage: "f32" | "f16" } {
  const { batch, heads, sequence, headSize, storage = "f32" } = spec;
  requireDimensions("attention", { batch, heads, sequence, headSize });
  const context = batch * sequence * heads * headSize;
  return { qkv: 3 * context, context, rows: batch * heads * sequence, storage };
}

function maskBinding({ batch, sequence }: AttentionSpec): Binding {
  return { name: "attentionMask", access: "read", dtype: "u32", elements: batch * sequence };
}

function stateOf({ dropout = 0 }: AttentionSpec): Binding[] {
  return dropout > 0 ? [stepStateBinding] : [];
}

function build(
  kernel: string,
  source: string,
  spec: AttentionSpec,
  flopsPerProduct: number,
  bindings: readonly Binding[],
): KernelLaunch {
  const { batch, heads, sequence, headSize, dropout = 0, stream = 0, storage = "f32" } = spec;
  const vectors = headSize % 4 === 0;
  const names = {
    QUADS: Math.ceil(headSize / 4),
    VECTORS: Number(vectors),
    SCALARS: Number(!vectors),
    DROPOUT: Number(dropout > 0),
    READS_CONTEXT: Number(bindings.some(({ name }) => name === "context")),
  };
  const backward = source !== forwardSource;
  const elem = vectors ? "Elem4" : "Elem";
  const types = { qkv: elem, context: elem, contextGradient: elem, qkvGradient: elem };
  return {
    kernel,
    label: `${batch}×${heads}×${sequence}×${headSize}${dropout > 0 ? " dropout" : ""}`,
    wgsl: specialise(unroll(source, names), {
      enables: storage === "f16" ? ["f16"] : [],
      aliases: { Elem: storage, Elem4: `vec4<${storage}>` },
      constants: {
        BATCH: batch,
        HEADS: heads,
        SEQUENCE: sequence,
        HEAD_SIZE: headSize,
        ...(dropout > 0
          ? { THRESHOLD: dropoutThreshold(dropout), KEEP_SCALE: { f32: 1 / (1 - dropout) } }
          : {}),
      },
      libraries: [
        ...(dropout > 0 ? [randomLibrary] : []),
        declareBindings(bindings, types),
        ...(dropout > 0 ? [declareParams(bindings.length)] : []),
        unroll(commonSource, names),
        ...(backward ? [unroll(gradientSource, names)] : []),
      ],
    }),
    bindings,
    ...(dropout > 0 ? { params: Uint32Array.of(stream, 0, 0, 0) } : {}),
    workgroups: [
      Math.ceil(sequence / 64),
      Math.min(batch * heads, HEADS_ALONG_Y),
      Math.ceil(batch * heads / HEADS_ALONG_Y),
    ],
    cost: {
      flops: flopsPerProduct * batch * heads * sequence * sequence * headSize,
      bytes: bindings.reduce(
        (sum, { dtype, elements }) => sum + bytesPerElement(dtype) * elements,
        0,
      ),
    },
  };
}
