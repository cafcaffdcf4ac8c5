/**
 * Faults made on purpose, one line each: a sign, an index, a barrier, a term, an epsilon. `from` must stand
 * exactly once in its file, so that a mutant whose code has moved on is an error and not a fault that nobody
 * makes.
 */

/** A fault, and the tests that should see it. */
export interface Mutant {
  /** What is wrong. */
  readonly fault: string;
  /** The file, relative to the project. */
  readonly file: string;
  /** What stands there once. */
  readonly from: string;
  /** What stands there instead. */
  readonly to: string;
  /** Paths of test files. */
  readonly tests: readonly string[];
}

type Fault = readonly [fault: string, from: string, to: string];

function mutants(file: string, tests: readonly string[], faults: readonly Fault[]): Mutant[] {
  return faults.map(([fault, from, to]) => ({ fault, file, from, to, tests }));
}

const ATTENTION = ["tests/kernels/attention_test.ts"];
const EMBEDDING = ["tests/kernels/embedding_test.ts"];
const LAYERNORM = ["tests/kernels/layernorm_test.ts"];
const LOSS = ["tests/kernels/loss_test.ts"];
const MATMUL = ["tests/kernels/matmul_test.ts"];
const OPTIMIZER = ["tests/kernels/optimizer_test.ts"];
const RANDOM = ["tests/kernels/random_test.ts"];
const RMS_NORM = ["tests/kernels/rms_norm_test.ts"];
const RULES = ["tests/model/parts_test.ts", "tests/model/hparams_test.ts"];
const MODEL = ["tests/model/electra_test.ts"];

/** All faults. */
export const MUTANTS: readonly Mutant[] = [
  ...mutants("kernels/adam/adam.wgsl", OPTIMIZER, [
    ["the update goes up the slope", "p - learningRate[0]", "p + learningRate[0]"],
    ["decay is left out", " + settings.y * p;", ";"],
    ["epsilon is left out", "(sqrt(v) + EPSILON)", "sqrt(v)"],
    [
      "the second moment is of gradients, not their squares",
      "(1.0 - BETA2) * g * g",
      "(1.0 - BETA2) * g",
    ],
    ["the first moment's share is wrong", "(1.0 - BETA1) * g", "BETA1 * g"],
    ["clipping is left out", "norm > CLIP_NORM", "norm < 0.0"],
    [
      "the loss scale stays in the gradients",
      "var scale = 1.0 / stepState.loss_scale",
      "var scale = 1.0",
    ],
    ["the settings of other elements", "groups[i / 16u]", "groups[i / 64u]"],
    ["gradients that are not finite are used", "== 0x7f800000u) {", "== 1u) {"],
  ]),
  ...mutants("kernels/reduce/squared_norm.wgsl", OPTIMIZER, [
    [
      "one partial sum is left out",
      "for (var i = 0u; i < WIDTH; i++)",
      "for (var i = 1u; i < WIDTH; i++)",
    ],
    ["a missing barrier", "  workgroupBarrier();\n", ""],
    [
      "earlier buffers are forgotten",
      "total += output[group.x];",
      "total += 0.0 * output[group.x];",
    ],
  ]),
  ...mutants("kernels/loss_scale/loss_scale.wgsl", ["tests/kernels/loss_scale_test.ts"], [
    ["the scale grows after bad steps", "max(0.5 * scale, LEAST)", "max(2.0 * scale, LEAST)"],
    ["good steps are not counted", "goodSteps[0] += 1u;", "goodSteps[0] += 0u;"],
    ["the scale grows one step late", "goodSteps[0] + 1u >= GROWTH", "goodSteps[0] >= GROWTH"],
    ["the report keeps the scale", "sqrt(squaredNorm[0]) / scale;", "sqrt(squaredNorm[0]);"],
  ]),
  ...mutants("kernels/attention/attention_common.wgsl", ATTENTION, [
    ["scores are not scaled", "inverseSqrt(f32(HEAD_SIZE))", "1.0"],
    ["padding is seen", "const PADDED = -10000.0;", "const PADDED = 0.0;"],
    ["padding and tokens change places", "token] != 0u);", "token] == 0u);"],
    [
      "the mask of another row",
      "attentionMask[head_of_batch / HEADS * params.sequence + token]",
      "attentionMask[token]",
    ],
    [
      "dropout keeps what it should drop",
      "words >= vec4<u32>(THRESHOLD)",
      "words < vec4<u32>(THRESHOLD)",
    ],
    [
      "heads read each other's parts",
      "part * HIDDEN + head_of_batch % HEADS * HEAD_SIZE",
      "part * HIDDEN",
    ],
  ]),
  ...mutants("kernels/attention/attention_forward.wgsl", ATTENTION, [
    ["sums do not shrink with the largest score", "sums.row_$p_$j_$q *= shrink_$p[$j];", ""],
    [
      "the log-sum-exp lacks its largest score",
      "largest_$p[$j] + log(whole_$p[$j])",
      "log(whole_$p[$j])",
    ],
    ["the total does not shrink", "total_$p *= shrink_$p;", ""],
  ]),
  ...mutants("kernels/attention/attention_query_gradient.wgsl", ATTENTION, [
    ["softmax's projection is left out", "(dp_$p_$j - vec4<f32>(projection_$p_$j))", "dp_$p_$j"],
    [
      "the score's scale is left out",
      "(dp_$p_$j - vec4<f32>(projection_$p_$j)) * SCALE",
      "(dp_$p_$j - vec4<f32>(projection_$p_$j))",
    ],
    ["the projection has the wrong sign", "(dp_$p_$j - vec4<f32>", "(dp_$p_$j + vec4<f32>"],
  ]),
  ...mutants("kernels/attention/attention_key_gradient.wgsl", ATTENTION, [
    ["softmax's projection is left out", "(scores.row_$p_$j - projections)", "scores.row_$p_$j"],
    [
      "keys and values change places",
      "put_gradient(at_$p_$j_$q + HIDDEN,",
      "put_gradient(at_$p_$j_$q,",
    ],
    ["dropout does not reach the values", "kept.row_$p_$j *= factors_$p[$j];", ""],
  ]),
  ...mutants("kernels/cross_entropy/cross_entropy.wgsl", LOSS, [
    [
      "chunks add up without shrinking",
      "total * exp(largest - next) + part.total",
      "total + part.total",
    ],
    [
      "the target is taken from every chunk",
      " && target_id - params.chunk_start < params.chunk_columns",
      "",
    ],
    [
      "guesses lack the chunk's start",
      "vec4<u32>(params.chunk_start + 4u * quad)",
      "vec4<u32>(4u * quad)",
    ],
    ["the temperature multiplies", "offered = x / TEMPERATURE", "offered = x * TEMPERATURE"],
    [
      "only true tokens are allowed",
      "ids == vec4<u32>(target_id));",
      "ids != vec4<u32>(target_id));",
    ],
    ["a missing barrier", "  workgroupBarrier();\n", ""],
    ["noise does not move with the row", "row_in_batch * ((VOCABULARY", "0u * ((VOCABULARY"],
  ]),
  ...mutants("kernels/cross_entropy/cross_entropy_backward.wgsl", LOSS, [
    [
      "the target's own term is left out",
      "rise - select(Value(), Value(factor), ids == target_id)",
      "rise",
    ],
    ["the target's term has the wrong sign", "rise - select(", "rise + select("],
    ["padding has gradients", "let factor = weights[row] * normalizer", "let factor = normalizer"],
    ["the loss scale is left out", " * SCALE * stepState.loss_scale;", " * SCALE;"],
  ]),
  ...mutants("kernels/cross_entropy/cross_entropy_finish.wgsl", LOSS, [
    ["the loss lacks the target", "(largest - target_logit)", "largest"],
    ["guesses and samples change places", "state[8u * row + 4u];", "state[8u * row + 6u] + 0u;"],
  ]),
  ...mutants("kernels/loss/sigmoid_cross_entropy.wgsl", LOSS, [
    ["labels have the wrong sign", "- x * labels[i]", "+ x * labels[i]"],
    [
      "large logits overflow",
      "max(x, 0.0) - x * labels[i] + log(1.0 + exp(-abs(x)))",
      "log(1.0 + exp(x)) - x * labels[i]",
    ],
  ]),
  ...mutants("kernels/loss/sigmoid_cross_entropy_backward.wgsl", LOSS, [
    ["labels are left out", "(probability - labels[i])", "probability"],
    ["padding has gradients", "weights[i] * normalizer[0]", "normalizer[0]"],
    ["the sigmoid is mirrored", "exp(-logits[i])", "exp(logits[i])"],
  ]),
  ...mutants("kernels/loss/weighted_sum.wgsl", LOSS, [
    ["padding counts", "weights[i] * values[i]", "values[i]"],
    ["the normaliser is left out", "total * normalizer[0]", "total"],
    ["a missing barrier", "  workgroupBarrier();\n", ""],
  ]),
  ...mutants("kernels/layernorm/layernorm_forward.wgsl", LAYERNORM, [
    ["epsilon is left out", " + EPSILON);", ");"],
    [
      "the shift is left out",
      "normalized * weight[column] + bias[column]",
      "normalized * weight[column]",
    ],
    [
      "the residual is left out",
      "value += f32(residual[at]);",
      "value += 0.0 * f32(residual[at]);",
    ],
    ["kept values are not scaled up", "value * KEEP_SCALE", "value"],
  ]),
  ...mutants("kernels/rms_norm/rms_norm.wgsl", RMS_NORM, [
    ["epsilon is left out", " + EPSILON);", ");"],
    ["the weight is left out", " * scale * weight[column]", " * scale"],
  ]),
  ...mutants("kernels/rms_norm/rms_norm_backward.wgsl", RMS_NORM, [
    ["the scale's gradient is left out", " - normalized * projection);", ");"],
    ["the projection is a sum", "  projection /= f32(COLUMNS);\n", ""],
  ]),
  ...mutants("kernels/rms_norm/rms_norm_weight_terms.wgsl", RMS_NORM, [
    ["the terms lack the scale", " * rstd[i / COLUMNS];", ";"],
  ]),
  ...mutants("kernels/layernorm/layernorm_backward.wgsl", LAYERNORM, [
    [
      "the mean's gradient is left out",
      "(gradient - scaled - normalized",
      "(gradient - normalized",
    ],
    ["the deviation's gradient is left out", " - normalized * projected)", ")"],
    [
      "residual gradients replace each other",
      "Elem(f32(residualGradient[at]) + value)",
      "Elem(value)",
    ],
  ]),
  ...mutants("kernels/layernorm/layernorm_weight_gradient.wgsl", LAYERNORM, [
    ["the scale's gradient lacks the deviation", " * statistics[2u * row + 1u];", ";"],
    [
      "rows of one part are left out",
      "row < min((part + 1u) * params.group_rows, params.rows)",
      "row + 1u < min((part + 1u) * params.group_rows, params.rows)",
    ],
  ]),
  ...mutants("kernels/softmax/softmax_backward.wgsl", [
    "tests/kernels/elementwise_test.ts",
    "tests/kernels/attention_test.ts",
  ], [
    [
      "the projection is left out",
      "(f32(outputGradient[at]) - projected)",
      "f32(outputGradient[at])",
    ],
  ]),
  ...mutants("kernels/embedding/embedding.wgsl", EMBEDDING, [
    ["positions run on over rows", "(token % params.sequence)", "token"],
    ["segments are left out", " + typeTable[segment * COLUMNS + column]);", ");"],
  ]),
  ...mutants("kernels/embedding/rank_tokens.wgsl", EMBEDDING, [
    ["equal ids share a rank", "own + u32(other < token)", "own"],
  ]),
  ...mutants("kernels/embedding/sum_runs.wgsl", EMBEDDING, [
    ["runs over a piece's start count twice", "sortedIds[first - 1u] == sortedIds[first]", "false"],
    ["sums go on into the next run", "    total = 0.0;\n", ""],
  ]),
  ...mutants("kernels/embedding/add_carries.wgsl", EMBEDDING, [
    ["long runs lose their middle", "total += carry[(2u * piece) * COLUMNS + column];", ""],
  ]),
  ...mutants("kernels/embedding/position_gradient.wgsl", EMBEDDING, [
    [
      "the first row is left out",
      "for (var row = 0u; row < params.batch",
      "for (var row = 1u; row < params.batch",
    ],
  ]),
  ...mutants("kernels/gather_rows/gather_rows_backward.wgsl", EMBEDDING, [
    ["rows of the batch are mixed up", "row / params.sequence * params.picks", "0u"],
  ]),
  ...mutants("kernels/gelu/gelu.wgsl", ["tests/kernels/gelu_test.ts"], [
    ["a wrong coefficient", "0.726576014", "0.726676014"],
    ["the derivative lacks a term", "distribution + 0.39894228 * x * density", "distribution"],
  ]),
  ...mutants("kernels/matmul/matmul_any.wgsl", MATMUL, [
    [
      "the last products are left out",
      "k < min(first + params.split_k, params.k)",
      "k + 1u < min(first + params.split_k, params.k)",
    ],
    [
      "batches share A",
      "workgroup.z / SPLITS * (params.m * params.k) +",
      "0u * (params.m * params.k) +",
    ],
  ]),
  ...mutants("kernels/matmul/matmul_workgroup.wgsl", MATMUL, [
    [
      "a missing barrier before the stage is read",
      "    workgroupBarrier();\n    if (following < end)",
      "    if (following < end)",
    ],
    [
      "a missing barrier before the stage is written",
      "    workgroupBarrier();\n    k = following;",
      "    k = following;",
    ],
    [
      "rows past the edge are read",
      "min(4u * quad + $iu, params.m - 1u)",
      "min(4u * quad, params.m - 1u)",
    ],
  ]),
  ...mutants("kernels/random/random.wgsl", RANDOM, [
    ["a round is left out", "v ^= v >> vec4<u32>(16u);", ""],
    ["uniform numbers reach 0", "(f32(word >> 9u) + 0.5)", "f32(word >> 9u)"],
  ]),
  ...mutants("kernels/replace_tokens/replace_tokens.wgsl", EMBEDDING, [
    ["equal replacements count as replaced", "replaced != original", "replaced == original"],
    ["padded predictions replace tokens", "weights[pick] > 0.0 && ", ""],
  ]),
  ...mutants("kernels/reduce/column_sum.wgsl", [
    "tests/kernels/elementwise_test.ts",
    "tests/kernels/optimizer_test.ts",
    "tests/model/electra_test.ts",
  ], [
    [
      "blocks lose their first row",
      "for (var row = first; row <",
      "for (var row = first + 1u; row <",
    ],
  ]),
  ...mutants("model/electra/masking.ts", RULES, [
    ["special tokens are masked", "id !== special.cls && ", ""],
    ["positions repeat", "const j = i + Math.floor", "const j = Math.floor"],
    ["all chosen tokens become [MASK]", "const MASKED_SHARE = 0.85;", "const MASKED_SHARE = 1;"],
    [
      "at least one prediction is not kept",
      "Math.max(1, Math.min(picks",
      "Math.max(0, Math.min(picks - 1",
    ],
    ["padding counts as length", "if (batch.attentionMask[base + s] === 0) continue;", ""],
    ["the true token may be drawn", "drawn + Number(drawn >= id)", "drawn"],
  ]),
  ...mutants("model/training/schedule.ts", RULES, [
    ["warm-up is left out", "Math.min(1, step / num_warmup_steps)", "1"],
    [
      "decay starts after warm-up",
      "Math.pow(1 - done / total, lr_decay_power)",
      "Math.pow(1 - Math.max(0, done - num_warmup_steps) / total, lr_decay_power)",
    ],
    ["the power is left out", "Math.pow(1 - done / total, lr_decay_power)", "(1 - done / total)"],
    ["a cosine ends half way", "Math.PI * Math.max(0, share)", "Math.PI / 2 * Math.max(0, share)"],
  ]),
  ...mutants("model/rounding.ts", RULES, [
    ["halves round up", "below % 2 === 0 ? below : below + 1", "below + 1"],
  ]),
  ...mutants("model/parameters/initialize.ts", ["tests/model/initialize_test.ts", ...RULES], [
    ["Glorot's limit is too small", "Math.sqrt(6 /", "Math.sqrt(3 /"],
    ["normal numbers are not cut", "Math.abs(normal) <= 2", "Math.abs(normal) <= 9"],
  ]),
  ...mutants("model/transformer/weights.ts", ["tests/model/initialize_test.ts"], [
    ["projections start from the normal", "hidden, embeddingSize, true)", "hidden, embeddingSize)"],
  ]),
  ...mutants("model/ops/linear.ts", MODEL, [
    ["bias gradients are all zero", "zeroColumns: inertBias,", "zeroColumns: [0, n],"],
  ]),
  ...mutants("model/transformer/encoder.ts", MODEL, [
    [
      "the first residual is left out",
      "    hiddenStates,\n    weights.attentionLayerNorm,",
      "    context,\n    weights.attentionLayerNorm,",
    ],
  ]),
];
