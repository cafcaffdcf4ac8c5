// Gradients of keys and values, one invocation a key: queries pass by in tiles of TILE,
// which a workgroup loads together.

var<workgroup> tile_queries: array<vec4<f32>, TILE * QUADS>;
var<workgroup> tile_gradients: array<vec4<f32>, TILE * QUADS>;
// Log-sum-exp and Σ dO∘O of each query.
var<workgroup> tile_sums: array<vec2<f32>, TILE>;

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
  let key = min(workgroup.x * 64u + local, SEQUENCE - 1u);
  let inside = workgroup.x * 64u + local < SEQUENCE;
  let key_at = part_at(head, key, 1u);
  //# for d in 0..QUADS
  let k_$d = quad_of_qkv(key_at, $du);
  let v_$d = quad_of_qkv(key_at + HIDDEN, $du);
  var dk_$d = vec4<f32>();
  var dv_$d = vec4<f32>();
  //# end
  let padding = padding_of(head, key);
  let blocks = real_blocks(head);
  for (
    var first = first_run(blocks, workgroup.x * 64u, TILE);
    first < SEQUENCE;
    first = next_run(blocks, first + TILE, TILE)
  ) {
    workgroupBarrier();
    for (var i = local; i < TILE * QUADS; i += 64u) {
      let token = min(first + i / QUADS, SEQUENCE - 1u);
      tile_queries[i] = quad_of_qkv(part_at(head, token, 0u), i % QUADS);
      tile_gradients[i] = quad_of_gradient(context_at(head, token), i % QUADS);
    }
    if (local < TILE) {
      let token = min(first + local, SEQUENCE - 1u);
      tile_sums[local] = vec2<f32>(log_sum_of(head, token), rowProjection[head * SEQUENCE + token]);
    }
    workgroupBarrier();
    for (var query = first; query < min(first + TILE, SEQUENCE); query++) {
      let tile = (query - first) * QUADS;
      var score = vec4<f32>();
      var weight = vec4<f32>();
      //# for d in 0..QUADS
      let q_$d = tile_queries[tile + $du];
      let g_$d = tile_gradients[tile + $du];
      score += q_$d * k_$d;
      weight += g_$d * v_$d;
      //# end
      let sums = tile_sums[query - first];
      let p = exp(dot(score, vec4<f32>(1.0)) * SCALE + padding - sums.x);
      var dp = dot(weight, vec4<f32>(1.0));
      var kept = p;
      //# if DROPOUT
      let factor = dropout_factors(head, query, key / 4u)[key % 4u];
      dp *= factor;
      kept *= factor;
      //# end
      let ds = p * (dp - sums.y) * SCALE;
      //# for d in 0..QUADS
      dv_$d += kept * g_$d;
      dk_$d += ds * q_$d;
      //# end
    }
  }
  if (!inside) {
    return;
  }
  //# for d in 0..QUADS
  put_gradient(key_at, $du, dk_$d);
  put_gradient(key_at + HIDDEN, $du, dv_$d);
  //# end
}
