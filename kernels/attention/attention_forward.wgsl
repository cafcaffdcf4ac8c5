// Attention without a matrix of scores, one invocation a query: keys pass by in tiles of TILE, which a
// workgroup loads together, and within them in fours; the maximum and the
// sum of exponentials are kept running, and the context is rescaled whenever the maximum grows (Milakov
// and Gimelshein, 2018; Dao et al., 2022).

var<workgroup> tile_keys: array<vec4<f32>, TILE * QUADS>;
var<workgroup> tile_values: array<vec4<f32>, TILE * QUADS>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let head = workgroup.y + workgroup.z * 32768u;
  if (head >= BATCH * HEADS) {
    return;
  }
  // Invocations past the sequence go along, since others wait for them, and write nothing.
  let query = min(workgroup.x * 64u + local, SEQUENCE - 1u);
  let inside = workgroup.x * 64u + local < SEQUENCE;
  let query_at = part_at(head, query, 0u);
  //# for d in 0..QUADS
  let q_$d = quad_of_qkv(query_at, $du) * SCALE;
  var o_$d = vec4<f32>();
  //# end
  var largest = ABSENT;
  var total = 0.0;
  // Where all keys are padding, all count alike.
  let real = real_blocks(head);
  let blocks = select(real, ALL_BLOCKS, real == 0u);
  for (
    var first = next_run(blocks, 0u, TILE);
    first < SEQUENCE;
    first = next_run(blocks, first + TILE, TILE)
  ) {
    workgroupBarrier();
    for (var i = local; i < TILE * QUADS; i += 64u) {
      let at = part_at(head, min(first + i / QUADS, SEQUENCE - 1u), 1u);
      tile_keys[i] = quad_of_qkv(at, i % QUADS);
      tile_values[i] = quad_of_qkv(at + HIDDEN, i % QUADS);
    }
    workgroupBarrier();
    for (var key = first; key < first + TILE; key += 4u) {
      //# for j in 0..4
      let key_$j = min(key + $ju, SEQUENCE - 1u);
      let tile_$j = (key - first + $ju) * QUADS;
      var s_$j = vec4<f32>();
      //# end
      //# for d in 0..QUADS
      //# for j in 0..4
      s_$j += q_$d * tile_keys[tile_$j + $du];
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
      o_$d = o_$d * shrink + p.x * tile_values[tile_0 + $du] +
        p.y * tile_values[tile_1 + $du] + p.z * tile_values[tile_2 + $du] +
        p.w * tile_values[tile_3 + $du];
      //# end
    }
  }
  if (!inside) {
    return;
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
