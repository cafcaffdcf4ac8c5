// Attention without a matrix of scores, one invocation a query: keys pass by in fours, the maximum and the
// sum of exponentials are kept running, and the context is rescaled whenever the maximum grows (Milakov
// and Gimelshein, 2018; Dao et al., 2022).

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let query = id.x;
  let head = id.y + id.z * 32768u;
  if (query >= SEQUENCE || head >= BATCH * HEADS) {
    return;
  }
  let query_at = part_at(head, query, 0u);
  //# for d in 0..QUADS
  let q_$d = quad_of_qkv(query_at, $du) * SCALE;
  var o_$d = vec4<f32>();
  //# end
  var largest = ABSENT;
  var total = 0.0;
  for (var key = 0u; key < SEQUENCE; key += 4u) {
    //# for j in 0..4
    let key_$j = min(key + $ju, SEQUENCE - 1u);
    let k_at_$j = part_at(head, key_$j, 1u);
    var s_$j = vec4<f32>();
    //# end
    //# for d in 0..QUADS
    //# for j in 0..4
    s_$j += q_$d * quad_of_qkv(k_at_$j, $du);
    //# end
    //# end
    var scores: vec4<f32>;
    //# for j in 0..4
    scores[$j] = select(ABSENT, dot(s_$j, vec4<f32>(1.0)) + padding_of(head, key_$j),
      key + $ju < SEQUENCE);
    //# end
    let next = max(largest, max(max(scores.x, scores.y), max(scores.z, scores.w)));
    let shrink = exp(largest - next);
    var p = exp(scores - vec4<f32>(next));
    total = total * shrink + dot(p, vec4<f32>(1.0));
    largest = next;
    //# if DROPOUT
    p *= dropout_factors(head, query, key / 4u);
    //# end
    //# for d in 0..QUADS
    o_$d = o_$d * shrink + p.x * quad_of_qkv(k_at_0 + HIDDEN, $du) +
      p.y * quad_of_qkv(k_at_1 + HIDDEN, $du) + p.z * quad_of_qkv(k_at_2 + HIDDEN, $du) +
      p.w * quad_of_qkv(k_at_3 + HIDDEN, $du);
    //# end
  }
  let at = context_at(head, query);
  //# for d in 0..QUADS
  put_context(at, $du, o_$d / total);
  //# end
  logSumExp[head * SEQUENCE + query] = largest + log(total);
}

//# if VECTORS
fn put_context(at: u32, quad: u32, value: vec4<f32>) {
  context[at / 4u + quad] = Elem4(value);
}
//# end
//# if SCALARS
fn put_context(at: u32, quad: u32, value: vec4<f32>) {
  for (var i = 0u; i < min(4u, HEAD_SIZE - 4u * quad); i++) {
    context[at + 4u * quad + i] = Elem(value[i]);
  }
}
//# end
