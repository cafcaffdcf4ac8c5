// context = softmax(q·kᵀ/√HEAD_SIZE + mask)·v and logSumExp, the logarithm of each row's sum of exponentials.
//
// Attention for adapters with narrow subgroups, GROUPS · SHARE queries a workgroup. Scores are made with a
// query in each lane, keys being broadcast; the context with its columns across the lanes, probabilities
// being broadcast. Maximum and sum run along as in attention_forward.wgsl.
//
// Prelude: Stored (a quad of a head in storage) Elem4 HEADS QUADS (of a head) LANE_QUADS (of a head in each lane)
// SHARE (lanes of a workgroup) GROUPS (queries in each lane) DROPOUT.

@group(0) @binding(0) var<storage, read> qkv: array<Stored>;
@group(0) @binding(1) var<storage, read> attentionMask: array<u32>;
//# if DROPOUT
@group(0) @binding(2) var<storage, read> stepState: StepState;
//# end
@group(0) @binding(3) var<storage, read_write> context: array<Stored>; // written whole
@group(0) @binding(4) var<storage, read_write> logSumExp: array<f32>; // written whole
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(SHARE)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(subgroup_invocation_id) invocation: u32,
) {
  let lane = invocation % SHARE;
  let number = workgroup.y * workgroups.x + workgroup.x;
  // Workgroups of one head.
  let runs = (params.sequence + GROUPS * SHARE - 1u) / (GROUPS * SHARE);
  let head = number / runs;
  if (head >= params.batch * HEADS) {
    return;
  }
  let first = number % runs * GROUPS * SHARE;
  //# for g in 0..GROUPS
  let query_$g = first + $gu * SHARE + lane;
  let query_at_$g = part_at(head, min(query_$g, params.sequence - 1u), 0u);
  //# for l in 0..SHARE
  //# for w in 0..LANE_QUADS
  let q_$g_$l_$w = quad_of_qkv(query_at_$g, quad_across($lu, $wu)) *
    (SCALE * exists($lu * LANE_QUADS + $wu));
  var o_$g_$l_$w = vec4<f32>();
  //# end
  //# end
  var largest_$g = ABSENT;
  var total_$g = 0.0;
  //# end
  //# for w in 0..LANE_QUADS
  let quad_$w = quad_across(lane, $wu);
  //# end
  // Where all keys are padding, all count alike.
  let real = real_blocks(head);
  let blocks = select(real, ALL_BLOCKS, real == 0u);
  for (var key = next_run(blocks, 0u, 4u); key < params.sequence; key = next_run(blocks, key + 4u, 4u)) {
    let own_bias = bias_of(head, key + lane % 4u);
    //# for j in 0..4
    let key_at_$j = part_at(head, min(key + $ju, params.sequence - 1u), 1u);
    //# for w in 0..LANE_QUADS
    let k_$j_$w = quad_of_qkv(key_at_$j, quad_$w);
    let v_$j_$w = quad_of_qkv(key_at_$j + HIDDEN, quad_$w);
    //# end
    let bias_$j = subgroupBroadcast(own_bias, $ju);
    //# for g in 0..GROUPS
    var s_$g_$j = 0.0;
    //# end
    //# end
    //# for l in 0..SHARE
    //# for w in 0..LANE_QUADS
    //# for j in 0..4
    let k_$j_$l_$w = subgroupBroadcast(k_$j_$w, $lu);
    //# for g in 0..GROUPS
    s_$g_$j += q_$g_$l_$w.x * k_$j_$l_$w.x + q_$g_$l_$w.y * k_$j_$l_$w.y +
      q_$g_$l_$w.z * k_$j_$l_$w.z + q_$g_$l_$w.w * k_$j_$l_$w.w;
    //# end
    //# end
    //# end
    //# end
    //# for g in 0..GROUPS
    let scores_$g = vec4<f32>(s_$g_0, s_$g_1, s_$g_2, s_$g_3) +
      vec4<f32>(bias_0, bias_1, bias_2, bias_3);
    let next_$g = max(largest_$g, max(max(scores_$g.x, scores_$g.y), max(scores_$g.z, scores_$g.w)));
    let shrink_$g = exp(largest_$g - next_$g);
    largest_$g = next_$g;
    var p_$g = exp(scores_$g - vec4<f32>(next_$g));
    total_$g = total_$g * shrink_$g + dot(p_$g, vec4<f32>(1.0));
    //# if DROPOUT
    p_$g *= dropout_factors(head, query_$g, key / 4u);
    //# end
    //# for r in 0..SHARE
    let shrink_$g_$r = subgroupBroadcast(shrink_$g, $ru);
    let p_$g_$r = subgroupBroadcast(p_$g, $ru);
    //# for w in 0..LANE_QUADS
    o_$g_$r_$w = o_$g_$r_$w * shrink_$g_$r + (p_$g_$r.x * v_0_$w + p_$g_$r.y * v_1_$w +
      p_$g_$r.z * v_2_$w + p_$g_$r.w * v_3_$w);
    //# end
    //# end
    //# end
  }
  //# for g in 0..GROUPS
  if (query_$g < params.sequence) {
    logSumExp[head * params.sequence + query_$g] = largest_$g + log(total_$g);
  }
  let inverse_$g = 1.0 / total_$g;
  //# for r in 0..SHARE
  let inverse_$g_$r = subgroupBroadcast(inverse_$g, $ru);
  let row_$g_$r = first + $gu * SHARE + $ru;
  //# for w in 0..LANE_QUADS
  if (row_$g_$r < params.sequence && lane * LANE_QUADS + $wu < QUADS) {
    put_context(context_at(head, row_$g_$r), quad_$w, o_$g_$r_$w * inverse_$g_$r);
  }
  //# end
  //# end
  //# end
}

fn put_context(at: u32, quad: u32, value: vec4<f32>) {
  context[at / 4u + quad] = Elem4(value);
}
