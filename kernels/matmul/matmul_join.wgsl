// C = epilogue(Σ_s partials[s] + bias) (+ C).
//
// Joins the splits of a product along k, always in the same order, and ends it as matmul_store.wgsl does.
//
// Prelude: SPLITS.

@group(0) @binding(3) var<storage, read> partials: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups_count: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups_count.x + group.x) * 64u + local;
  let quads = params.m * params.n / 4u;
  if (i >= params.batch * quads) {
    return;
  }
  let matrix = i / quads;
  let at = matrix * SPLITS * quads + i % quads;
  var sum = partials[at];
  for (var split = 1u; split < SPLITS; split++) {
    sum += partials[at + split * quads];
  }
  let column = i % quads % (params.n / 4u) * 4u;
  store(matrix, i % quads / (params.n / 4u), column, sum, bias_of(column));
}
