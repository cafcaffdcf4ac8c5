// dQ = dS·K / √HEAD_SIZE, dK = dSᵀ·Q / √HEAD_SIZE, dV = Pᵀ·dO, with dS = P∘(dO·Vᵀ − rowProjection).
//
// All gradients of attention for adapters with narrow subgroups, one workgroup a head. Keys go in runs of
// SHARE · KEYS, KEYS in each lane, and queries pass by in fours. Scores are made with keys in the lanes, queries
// being broadcast; gradients with their columns across the lanes, where the broadcast of one
// score's gradient serves the query and the key. The queries' gradients gather in
// `queryGradient` from run to run. Padding first gets zeros, which stay where it is skipped. Each lane
// writes and finds the same columns everywhere.
//
// Prelude: Stored (a quad of a head in storage) HEADS QUADS (of a head) LANE_QUADS (of a head in each lane) SHARE
// (lanes of a workgroup) KEYS (in each lane) DROPOUT.

@group(0) @binding(0) var<storage, read> contextGradient: array<Stored>;
@group(0) @binding(1) var<storage, read> qkv: array<Stored>;
@group(0) @binding(2) var<storage, read> attentionMask: array<u32>;
//# if DROPOUT
@group(0) @binding(3) var<storage, read> stepState: StepState;
//# end
@group(0) @binding(4) var<storage, read> logSumExp: array<f32>;
@group(0) @binding(5) var<storage, read> rowProjection: array<f32>;
@group(0) @binding(6) var<storage, read_write> queryGradient: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> qkvGradient: array<Stored>; // written whole
@group(0) @binding(8) var<uniform> params: Params;

const RUN = SHARE * KEYS;

@compute @workgroup_size(SHARE)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(subgroup_invocation_id) invocation: u32,
) {
  let lane = invocation % SHARE;
  let head = workgroup.y * workgroups.x + workgroup.x;
  if (head >= params.batch * HEADS) {
    return;
  }
  //# for w in 0..LANE_QUADS
  let quad_$w = quad_across(lane, $wu);
  let exists_$w = exists(lane * LANE_QUADS + $wu);
  //# end
  for (var token = next_padding(head, 0u); token < params.sequence; token = next_padding(head, token + 1u)) {
    //# for w in 0..LANE_QUADS
    if (lane * LANE_QUADS + $wu < QUADS) {
      //# for part in 0..3
      put_gradient(part_at(head, token, $partu), quad_$w, vec4<f32>());
      //# end
    }
    //# end
  }
  let blocks = real_blocks(head);
  let first = next_run(blocks, 0u, RUN);
  var run = first;
  while (run < params.sequence) {
    let following = next_run(blocks, run + RUN, RUN);
    let key = run + KEYS * lane;
    //# for c in 0..KEYS
    let key_at_$c = part_at(head, min(key + $cu, params.sequence - 1u), 1u);
    let bias_$c = bias_of(head, key + $cu);
    //# for l in 0..SHARE
    //# for w in 0..LANE_QUADS
    let k_$c_$l_$w = quad_of_qkv(key_at_$c, quad_across($lu, $wu)) * SCALE;
    let v_$c_$l_$w = quad_of_qkv(key_at_$c + HIDDEN, quad_across($lu, $wu));
    //# end
    let across_at_$c_$l = part_at(head, min(run + KEYS * $lu + $cu, params.sequence - 1u), 1u);
    //# for w in 0..LANE_QUADS
    let across_$c_$l_$w = quad_of_qkv(across_at_$c_$l, quad_$w) * SCALE;
    var dk_$c_$l_$w = vec4<f32>();
    var dv_$c_$l_$w = vec4<f32>();
    //# end
    //# end
    //# end
    let is_first = run == first;
    let is_last = following >= params.sequence;
    for (
      var query = next_run(blocks, 0u, 4u);
      query < params.sequence;
      query = next_run(blocks, query + 4u, 4u)
    ) {
      let own_query = query + lane % 4u;
      let own_row = min(own_query, params.sequence - 1u);
      let own_log_sum = select(NOTHING, log_sum_of(head, own_row), own_query < params.sequence);
      let own_projection = rowProjection[head * params.sequence + own_row];
      //# for r in 0..4
      let query_$r = min(query + $ru, params.sequence - 1u);
      let query_at_$r = part_at(head, query_$r, 0u);
      let output_at_$r = context_at(head, query_$r);
      //# for w in 0..LANE_QUADS
      let q_$r_$w = quad_of_qkv(query_at_$r, quad_$w) * exists_$w;
      let g_$r_$w = quad_of_gradient(output_at_$r, quad_$w) * exists_$w;
      //# end
      //# for c in 0..KEYS
      var s_$r_$c = 0.0;
      var t_$r_$c = 0.0;
      //# end
      //# end
      //# for l in 0..SHARE
      //# for w in 0..LANE_QUADS
      //# for r in 0..4
      let q_$r_$l_$w = subgroupBroadcast(q_$r_$w, $lu);
      let g_$r_$l_$w = subgroupBroadcast(g_$r_$w, $lu);
      //# for c in 0..KEYS
      s_$r_$c += q_$r_$l_$w.x * k_$c_$l_$w.x + q_$r_$l_$w.y * k_$c_$l_$w.y +
        q_$r_$l_$w.z * k_$c_$l_$w.z + q_$r_$l_$w.w * k_$c_$l_$w.w;
      t_$r_$c += g_$r_$l_$w.x * v_$c_$l_$w.x + g_$r_$l_$w.y * v_$c_$l_$w.y +
        g_$r_$l_$w.z * v_$c_$l_$w.z + g_$r_$l_$w.w * v_$c_$l_$w.w;
      //# end
      //# end
      //# end
      //# end
      //# for r in 0..4
      let log_sum_$r = subgroupBroadcast(own_log_sum, $ru);
      let projection_$r = subgroupBroadcast(own_projection, $ru);
      //# if DROPOUT
      let factors_$r = dropout_factors(head, query + $ru, key / 4u);
      //# end
      //# for c in 0..KEYS
      let p_$r_$c = exp(s_$r_$c + bias_$c - log_sum_$r);
      //# if DROPOUT
      let factor_$r_$c = factors_$r[(key + $cu) % 4u];
      let kept_$r_$c = p_$r_$c * factor_$r_$c;
      let ds_$r_$c = p_$r_$c * (t_$r_$c * factor_$r_$c - projection_$r);
      //# else
      let kept_$r_$c = p_$r_$c;
      let ds_$r_$c = p_$r_$c * (t_$r_$c - projection_$r);
      //# end
      //# end
      //# for w in 0..LANE_QUADS
      var dq_$r_$w = vec4<f32>();
      //# end
      //# end
      //# for l in 0..SHARE
      //# for c in 0..KEYS
      //# for r in 0..4
      let ds_$r_$c_$l = subgroupBroadcast(ds_$r_$c, $lu);
      let kept_$r_$c_$l = subgroupBroadcast(kept_$r_$c, $lu);
      //# for w in 0..LANE_QUADS
      dq_$r_$w += ds_$r_$c_$l * across_$c_$l_$w;
      dk_$c_$l_$w += ds_$r_$c_$l * q_$r_$w;
      dv_$c_$l_$w += kept_$r_$c_$l * g_$r_$w;
      //# end
      //# end
      //# end
      //# end
      //# for r in 0..4
      if (query + $ru < params.sequence) {
        //# for w in 0..LANE_QUADS
        if (lane * LANE_QUADS + $wu < QUADS) {
          let at = (head * params.sequence + query + $ru) * QUADS + quad_$w;
          if (!is_first) {
            dq_$r_$w += queryGradient[at];
          }
          if (is_last) {
            put_gradient(query_at_$r, quad_$w, dq_$r_$w);
          } else {
            queryGradient[at] = dq_$r_$w;
          }
        }
        //# end
      }
      //# end
    }
    //# for c in 0..KEYS
    //# for l in 0..SHARE
    //# for w in 0..LANE_QUADS
    if (run + KEYS * $lu + $cu < params.sequence && lane * LANE_QUADS + $wu < QUADS) {
      put_gradient(across_at_$c_$l, quad_$w, dk_$c_$l_$w * SCALE);
      put_gradient(across_at_$c_$l + HIDDEN, quad_$w, dv_$c_$l_$w);
    }
    //# end
    //# end
    //# end
    run = following;
  }
}

// The first padded token from `start` on that may be skipped; the sequence where there is none.
fn next_padding(head_of_batch: u32, start: u32) -> u32 {
  let first = head_of_batch / HEADS * params.sequence;
  var token = select(params.sequence, start, SKIPS_PADDING);
  while (token < params.sequence && attentionMask[first + token] != 0u) {
    token++;
  }
  return token;
}
