// Σ dO∘O of each query in each head, which the gradients of all its scores share; one invocation a row of
// one head.
//
// Prelude: BATCH HEADS SEQUENCE HEAD_SIZE QUADS.

const RUNS = (SEQUENCE + 63u) / 64u;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let number = group.y * groups.x + group.x;
  let query = number % RUNS * 64u + local;
  let head = number / RUNS;
  if (query >= SEQUENCE || head >= BATCH * HEADS) {
    return;
  }
  let row = (head / HEADS * SEQUENCE + query) * HEADS + head % HEADS;
  //# if VECTORS
  var products = vec4<f32>();
  //# for d in 0..QUADS
  products += vec4<f32>(contextGradient[row * QUADS + $du]) * vec4<f32>(context[row * QUADS + $du]);
  //# end
  rowProjection[head * SEQUENCE + query] = dot(products, vec4<f32>(1.0));
  //# end
  //# if SCALARS
  var sum = 0.0;
  for (var at = row * HEAD_SIZE; at < (row + 1u) * HEAD_SIZE; at++) {
    sum += f32(contextGradient[at]) * f32(context[at]);
  }
  rowProjection[head * SEQUENCE + query] = sum;
  //# end
}
