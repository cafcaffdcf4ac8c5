// Gradient of the queries, one invocation a query: probabilities are made again from the log-sum-exp.
// Leaves Σ dO∘O of each query for the keys' kernel.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let query = id.x;
  let head = id.y + id.z * 32768u;
  if (query >= SEQUENCE || head >= BATCH * HEADS) {
    return;
  }
  let query_at = part_at(head, query, 0u);
  let output_at = context_at(head, query);
  var projections = vec4<f32>();
  //# for d in 0..QUADS
  let q_$d = quad_of_qkv(query_at, $du) * SCALE;
  let g_$d = quad_of_gradient(output_at, $du);
  projections += g_$d * quad_of_context(output_at, $du);
  var dq_$d = vec4<f32>();
  //# end
  let projection = dot(projections, vec4<f32>(1.0));
  let log_sum = logSumExp[head * SEQUENCE + query];
  for (var key = 0u; key < SEQUENCE; key++) {
    let key_at = part_at(head, key, 1u);
    var score = vec4<f32>();
    var weight = vec4<f32>();
    //# for d in 0..QUADS
    let k_$d = quad_of_qkv(key_at, $du);
    score += q_$d * k_$d;
    weight += g_$d * quad_of_qkv(key_at + HIDDEN, $du);
    //# end
    let p = exp(dot(score, vec4<f32>(1.0)) + padding_of(head, key) - log_sum);
    var dp = dot(weight, vec4<f32>(1.0));
    //# if DROPOUT
    dp *= dropout_factors(head, query, key / 4u)[key % 4u];
    //# end
    let ds = p * (dp - projection) * SCALE;
    //# for d in 0..QUADS
    dq_$d += ds * k_$d;
    //# end
  }
  //# for d in 0..QUADS
  put_gradient(query_at, $du, dq_$d);
  //# end
  rowProjection[head * SEQUENCE + query] = projection;
}
