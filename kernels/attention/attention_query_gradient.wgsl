// Gradient of the queries, one invocation a query, keys in tiles as in
// attention_forward.wgsl: probabilities are made again from the log-sum-exp.
// Leaves Σ dO∘O of each query for the keys' kernel.

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
  let output_at = context_at(head, query);
  var projections = vec4<f32>();
  //# for d in 0..QUADS
  let q_$d = quad_of_qkv(query_at, $du) * SCALE;
  let g_$d = quad_of_gradient(output_at, $du);
  projections += g_$d * quad_of_context(output_at, $du);
  var dq_$d = vec4<f32>();
  //# end
  let projection = dot(projections, vec4<f32>(1.0));
  let log_sum = log_sum_of(head, query);
  let blocks = real_blocks(head);
  for (
    var first = first_run(blocks, workgroup.x * 64u, TILE);
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
    for (var key = first; key < min(first + TILE, SEQUENCE); key++) {
      let tile = (key - first) * QUADS;
      var score = vec4<f32>();
      var weight = vec4<f32>();
      //# for d in 0..QUADS
      let k_$d = tile_keys[tile + $du];
      score += q_$d * k_$d;
      weight += g_$d * tile_values[tile + $du];
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
  }
  if (!inside) {
    return;
  }
  //# for d in 0..QUADS
  put_gradient(query_at, $du, dq_$d);
  //# end
  rowProjection[head * SEQUENCE + query] = projection;
}
