// Σ dO∘O of each query in each head, which the gradients of all its scores share; one invocation a row of
// one head.
//
// Prelude: BATCH HEADS SEQUENCE QUADS.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let query = id.x;
  let head = id.y + id.z * 32768u;
  if (query >= SEQUENCE || head >= BATCH * HEADS) {
    return;
  }
  let at = ((head / HEADS * SEQUENCE + query) * HEADS + head % HEADS) * QUADS;
  var products = vec4<f32>();
  //# for d in 0..QUADS
  products += vec4<f32>(contextGradient[at + $du]) * vec4<f32>(context[at + $du]);
  //# end
  rowProjection[head * SEQUENCE + query] = dot(products, vec4<f32>(1.0));
}
