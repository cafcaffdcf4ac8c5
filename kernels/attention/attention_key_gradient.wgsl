// dK = dSᵀ·Q / √HEAD_SIZE and dV = Pᵀ·dO, with dS = P∘(dO·Vᵀ − rowProjection), P = exp(scores − logSumExp).
//
// Gradients of keys and values; queries pass by in tiles. Rows are keys here, columns queries.
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
@group(0) @binding(7) var<storage, read_write> qkvGradient: array<Stored>; // written whole, with attention_query_gradient.wgsl
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
  var key_sums = Sums();
  var value_sums = Sums();
  //# for p in 0..ROW_QUADS
  //# for j in 0..4
  let key_$p_$j = row + 4u * (y + 8u * $pu) + $ju;
  let bias_$p_$j = padding_of(head, min(key_$p_$j, params.sequence - 1u));
  //# end
  //# end
  let blocks = real_blocks(head);
  for (
    var column = first_run(blocks, row, TILE_ROWS, TILE_COLUMNS);
    column < params.sequence;
    column = next_run(blocks, column + TILE_COLUMNS, TILE_COLUMNS)
  ) {
    let query = column + 4u * x;
    var log_sums: vec4<f32>;
    var projections: vec4<f32>;
    //# for i in 0..4
    let query_$i = min(query + $iu, params.sequence - 1u);
    log_sums[$i] = select(NOTHING, log_sum_of(head, query_$i), query + $iu < params.sequence);
    projections[$i] = rowProjection[head * params.sequence + query_$i];
    //# end
    // What goes on into the values' gradients, and what into the keys'.
    var kept = scores_of(KEY, QUERY, head, row, column, local);
    var scores = scores_of(VALUE, GRADIENT, head, row, column, local);
    //# for p in 0..ROW_QUADS
    //# if DROPOUT
    let factors_$p = transpose(mat4x4<f32>(
      //# for i in 0..4
      dropout_factors(head, query_$i, row / 4u + y + 8u * $pu),
      //# end
    ));
    //# end
    //# for j in 0..4
    let p_$p_$j = exp(kept.row_$p_$j * SCALE + vec4<f32>(bias_$p_$j) - log_sums);
    kept.row_$p_$j = p_$p_$j;
    //# if DROPOUT
    kept.row_$p_$j *= factors_$p[$j];
    scores.row_$p_$j *= factors_$p[$j];
    //# end
    scores.row_$p_$j = p_$p_$j * (scores.row_$p_$j - projections) * SCALE;
    //# end
    //# end
    put_weights(kept, local);
    add_products(&value_sums, GRADIENT, head, column, local);
    workgroupBarrier();
    put_weights(scores, local);
    add_products(&key_sums, QUERY, head, column, local);
  }
  //# for p in 0..ROW_QUADS
  //# for j in 0..4
  //# for q in 0..OUT_QUADS
  if (key_$p_$j < params.sequence && x + 8u * $qu < QUADS) {
    let at_$p_$j_$q = part_at(head, key_$p_$j, KEY);
    put_gradient(at_$p_$j_$q, x + 8u * $qu, key_sums.row_$p_$j_$q);
    put_gradient(at_$p_$j_$q + HIDDEN, x + 8u * $qu, value_sums.row_$p_$j_$q);
  }
  //# end
  //# end
  //# end
}
