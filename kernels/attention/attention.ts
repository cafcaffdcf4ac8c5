/**
 * Multi-head self-attention that never stores the matrix of scores: forward keeps the log-sum-exp of each
 * row, backward makes the probabilities again (Dao et al., "FlashAttention", 2022).
 *
 * @module
 */
import {
  type Binding,
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
 * context [batch·sequence, heads·headSize]; logSumExp [batch, heads, sequence].
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function attentionForward(spec: AttentionSpec): KernelProgram {
  const { qkv, context, rows } = sizes(spec);
  return singleLaunch(build("attention", forwardSource, spec, 4, [
    { name: "qkv", access: "read", dtype: "f32", elements: qkv },
    maskBinding(spec),
    ...stateOf(spec),
    { name: "context", access: "write", dtype: "f32", elements: context },
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
  const { qkv, context, rows } = sizes(spec);
  const shared: Binding[] = [
    { name: "contextGradient", access: "read", dtype: "f32", elements: context },
    { name: "qkv", access: "read", dtype: "f32", elements: qkv },
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
  const gradient: Binding = { name: "qkvGradient", access: "write", dtype: "f32", elements: qkv };
  return {
    launches: [
      build("attention_query_gradient", querySource, spec, 6, [
        ...shared,
        { name: "context", access: "read", dtype: "f32", elements: context },
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

function sizes(spec: AttentionSpec): { qkv: number; context: number; rows: number } {
  const { batch, heads, sequence, headSize } = spec;
  requireDimensions("attention", { batch, heads, sequence, headSize });
  const context = batch * sequence * heads * headSize;
  return { qkv: 3 * context, context, rows: batch * heads * sequence };
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
  const { batch, heads, sequence, headSize, dropout = 0, stream = 0 } = spec;
  const vectors = headSize % 4 === 0;
  const names = {
    QUADS: Math.ceil(headSize / 4),
    VECTORS: Number(vectors),
    SCALARS: Number(!vectors),
    DROPOUT: Number(dropout > 0),
    READS_CONTEXT: Number(bindings.some(({ name }) => name === "context")),
  };
  const backward = source !== forwardSource;
  const vec4 = vectors ? "vec4<f32>" : "f32";
  const types = { qkv: vec4, context: vec4, contextGradient: vec4, qkvGradient: vec4 };
  return {
    kernel,
    label: `${batch}×${heads}×${sequence}×${headSize}${dropout > 0 ? " dropout" : ""}`,
    wgsl: specialise(unroll(source, names), {
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
      bytes: 4 * bindings.reduce((sum, { elements }) => sum + elements, 0),
    },
  };
}
