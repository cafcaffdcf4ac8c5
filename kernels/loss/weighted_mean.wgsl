// Weighted mean of a list and one over the sum of its weights, in one workgroup and a fixed order.
//
// Prelude: ELEMENTS EPSILON.

const WIDTH = 256u;

var<workgroup> partials: array<vec2<f32>, WIDTH>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(local_invocation_index) local: u32) {
  var own = vec2<f32>();
  for (var i = local; i < ELEMENTS; i += WIDTH) {
    own += vec2<f32>(weights[i] * values[i], weights[i]);
  }
  partials[local] = own;
  workgroupBarrier();
  if (local > 0u) {
    return;
  }
  var total = vec2<f32>();
  for (var i = 0u; i < WIDTH; i++) {
    total += partials[i];
  }
  result[0] = total.x / (total.y + EPSILON);
  result[1] = 1.0 / (total.y + EPSILON);
}
