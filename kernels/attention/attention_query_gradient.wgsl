// dQ = dS·K / √HEAD_SIZE with dS = P∘(dO·Vᵀ − rowProjection), P = exp(scores − logSumExp).
//
// Gradient of the queries; keys pass by in tiles, and probabilities are made again from the log-sum-exp.
//
// Prelude: Stored (a quad of a head in storage, or one element without VECTORS) HEADS QUADS (of a head) ROW_QUADS
// OUT_QUADS DROPOUT.

@group(0) @binding(0) var<storage, read> contextGradient: array<Stored>;
@group(0) @binding(1) var<storage, read> qkv: array<Stored>;
@group(0) @binding(2) var<storage, read> attentionMask: array<u32>;
//# if DROPOUT
@group(0) @binding(3) var<storage, read> stepState: StepState;
//# end
@group(0) @binding(4) var<storage, read> logSumExp: array<f32>;
@group(0) @binding(5) var<storage, read> rowProjection: array<f32>;
@group(0) @binding(7) var<storage, read_write> qkvGradient: array<Stored>; // written whole, with attention_key_gradient.wgsl
@group(0) @binding(8) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let number = workgroup.y * workgroups.x + workgroup.x;
  // Workgroups of one head.
  let runs = (params.sequence + TILE_ROWS - 1u) / (TILE_ROWS);
  let head = number / runs;
  if (head >= params.batch * HEADS) {
    return;
  }
  let x = local % 8u;
  let y = local / 8u;
  let row = number % runs * TILE_ROWS;
  var sums = Sums();
  //# for p in 0..ROW_QUADS
  //# for j in 0..4
  let query_$p_$j = row + 4u * (y + 8u * $pu) + $ju;
  let log_sum_$p_$j = log_sum_of(head, min(query_$p_$j, params.sequence - 1u));
  let projection_$p_$j = rowProjection[head * params.sequence + min(query_$p_$j, params.sequence - 1u)];
  //# end
  //# end
  let blocks = real_blocks(head);
  for (
    var column = first_run(blocks, row, TILE_ROWS, TILE_COLUMNS);
    column < params.sequence;
    column = next_run(blocks, column + TILE_COLUMNS, TILE_COLUMNS)
  ) {
    var scores = scores_of(QUERY, KEY, head, row, column, local);
    let gradients = scores_of(GRADIENT, VALUE, head, row, column, local);
    let key = column + 4u * x;
    let bias = vec4<f32>(
      bias_of(head, key), bias_of(head, key + 1u), bias_of(head, key + 2u), bias_of(head, key + 3u));
    //# for p in 0..ROW_QUADS
    //# for j in 0..4
    let p_$p_$j = exp(scores.row_$p_$j * SCALE + bias - vec4<f32>(log_sum_$p_$j));
    var dp_$p_$j = gradients.row_$p_$j;
    //# if DROPOUT
    dp_$p_$j *= dropout_factors(head, query_$p_$j, key / 4u);
    //# end
    scores.row_$p_$j = p_$p_$j * (dp_$p_$j - vec4<f32>(projection_$p_$j)) * SCALE;
    //# end
    //# end
    put_weights(scores, local);
    add_products(&sums, KEY, head, column, local);
  }
  //# for p in 0..ROW_QUADS
  //# for j in 0..4
  //# for q in 0..OUT_QUADS
  if (query_$p_$j < params.sequence && x + 8u * $qu < QUADS) {
    put_gradient(part_at(head, query_$p_$j, QUERY), x + 8u * $qu, sums.row_$p_$j_$q);
  }
  //# end
  //# end
  //# end
}
