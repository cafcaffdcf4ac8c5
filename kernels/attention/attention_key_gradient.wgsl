// Gradients of keys and values, one invocation a key: queries pass by one after the other.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let key = id.x;
  let head = id.y + id.z * 32768u;
  if (key >= SEQUENCE || head >= BATCH * HEADS) {
    return;
  }
  let key_at = part_at(head, key, 1u);
  //# for d in 0..QUADS
  let k_$d = quad_of_qkv(key_at, $du);
  let v_$d = quad_of_qkv(key_at + HIDDEN, $du);
  var dk_$d = vec4<f32>();
  var dv_$d = vec4<f32>();
  //# end
  let padding = padding_of(head, key);
  for (var query = 0u; query < SEQUENCE; query++) {
    let query_at = part_at(head, query, 0u);
    let output_at = context_at(head, query);
    var score = vec4<f32>();
    var weight = vec4<f32>();
    //# for d in 0..QUADS
    let q_$d = quad_of_qkv(query_at, $du);
    let g_$d = quad_of_gradient(output_at, $du);
    score += q_$d * k_$d;
    weight += g_$d * v_$d;
    //# end
    let row = head * SEQUENCE + query;
    let p = exp(dot(score, vec4<f32>(1.0)) * SCALE + padding - logSumExp[row]);
    var dp = dot(weight, vec4<f32>(1.0));
    var kept = p;
    //# if DROPOUT
    let factor = dropout_factors(head, query, key / 4u)[key % 4u];
    dp *= factor;
    kept *= factor;
    //# end
    let ds = p * (dp - rowProjection[row]) * SCALE;
    //# for d in 0..QUADS
    dv_$d += kept * g_$d;
    dk_$d += ds * q_$d;
    //# end
  }
  //# for d in 0..QUADS
  put_gradient(key_at, $du, dk_$d);
  put_gradient(key_at + HIDDEN, $du, dv_$d);
  //# end
}
