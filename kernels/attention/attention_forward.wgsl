// context = softmax(q·kᵀ/√HEAD_SIZE + mask)·v and logSumExp, the logarithm of each row's sum of exponentials.
//
// Attention without a matrix of scores: keys pass by in tiles, the maximum and the sum of exponentials of
// each row are kept running, and the context is rescaled whenever the maximum grows (Milakov and
// Gimelshein, 2018; Dao et al., 2022). The eight invocations that share a row agree on its maximum; each
// sums the exponentials of its own keys, and the sums are joined at the end.
//
// Prelude: Stored (a quad of a head in storage, or one element without VECTORS) Elem Elem4 VECTORS HEADS HEAD_SIZE
// QUADS (of a head) ROW_QUADS OUT_QUADS DROPOUT.

@group(0) @binding(0) var<storage, read> qkv: array<Stored>;
@group(0) @binding(1) var<storage, read> attentionMask: array<u32>;
//# if DROPOUT
@group(0) @binding(2) var<storage, read> stepState: StepState;
//# end
@group(0) @binding(3) var<storage, read_write> context: array<Stored>; // written whole
@group(0) @binding(4) var<storage, read_write> logSumExp: array<f32>; // written whole
@group(0) @binding(5) var<uniform> params: Params;

// The rows that share their columns with this invocation's: what each of the eight has left in `weights`.
fn largest_of(rows: u32) -> vec4<f32> {
  var largest = weights[0][rows];
  //# for i in 0..7
  largest = max(largest, weights[$i + 1][rows]);
  //# end
  return largest;
}

fn sum_of(rows: u32) -> vec4<f32> {
  var sum = weights[0][rows];
  //# for i in 0..7
  sum += weights[$i + 1][rows];
  //# end
  return sum;
}

fn largest_in(v: vec4<f32>) -> f32 {
  return max(max(v.x, v.y), max(v.z, v.w));
}

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
  var largest_$p = vec4<f32>(ABSENT);
  var total_$p = vec4<f32>();
  //# end
  // Where all keys are padding, all count alike.
  let real = real_blocks(head);
  let blocks = select(real, ALL_BLOCKS, real == 0u);
  for (
    var column = next_run(blocks, 0u, TILE_COLUMNS);
    column < params.sequence;
    column = next_run(blocks, column + TILE_COLUMNS, TILE_COLUMNS)
  ) {
    var scores = scores_of(QUERY, KEY, head, row, column, local);
    let key = column + 4u * x;
    let bias = vec4<f32>(
      bias_of(head, key), bias_of(head, key + 1u), bias_of(head, key + 2u), bias_of(head, key + 3u));
    //# for p in 0..ROW_QUADS
    //# for j in 0..4
    scores.row_$p_$j = scores.row_$p_$j * SCALE + bias;
    //# end
    weights[x][y + 8u * $pu] = vec4<f32>(
      largest_in(scores.row_$p_0), largest_in(scores.row_$p_1),
      largest_in(scores.row_$p_2), largest_in(scores.row_$p_3));
    //# end
    workgroupBarrier();
    //# for p in 0..ROW_QUADS
    let next_$p = max(largest_$p, largest_of(y + 8u * $pu));
    let shrink_$p = exp(largest_$p - next_$p);
    largest_$p = next_$p;
    total_$p *= shrink_$p;
    //# for j in 0..4
    scores.row_$p_$j = exp(scores.row_$p_$j - vec4<f32>(next_$p[$j]));
    total_$p[$j] += dot(scores.row_$p_$j, vec4<f32>(1.0));
    //# if DROPOUT
    scores.row_$p_$j *= dropout_factors(head, row + 4u * (y + 8u * $pu) + $ju, key / 4u);
    //# end
    //# for q in 0..OUT_QUADS
    sums.row_$p_$j_$q *= shrink_$p[$j];
    //# end
    //# end
    //# end
    workgroupBarrier();
    put_weights(scores, local);
    add_products(&sums, VALUE, head, column, local);
  }
  workgroupBarrier();
  //# for p in 0..ROW_QUADS
  weights[x][y + 8u * $pu] = total_$p;
  //# end
  workgroupBarrier();
  //# for p in 0..ROW_QUADS
  let whole_$p = sum_of(y + 8u * $pu);
  //# for j in 0..4
  let query_$p_$j = row + 4u * (y + 8u * $pu) + $ju;
  if (query_$p_$j < params.sequence) {
    //# for q in 0..OUT_QUADS
    if (x + 8u * $qu < QUADS) {
      put_context(context_at(head, query_$p_$j), x + 8u * $qu, sums.row_$p_$j_$q / whole_$p[$j]);
    }
    //# end
    if (x == 0u) {
      logSumExp[head * params.sequence + query_$p_$j] = largest_$p[$j] + log(whole_$p[$j]);
    }
  }
  //# end
  //# end
}

//# if VECTORS
fn put_context(at: u32, quad: u32, value: vec4<f32>) {
  context[at / 4u + quad] = Elem4(value);
}
//# else
fn put_context(at: u32, quad: u32, value: vec4<f32>) {
  for (var i = 0u; i < min(4u, HEAD_SIZE - 4u * quad); i++) {
    context[at + 4u * quad + i] = Elem(value[i]);
  }
}
//# end
