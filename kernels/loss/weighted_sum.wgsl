// Weighted sum of a list times a normaliser, Σ w·v · n, in one workgroup and a fixed order. With n = 1 / Σ w it
// is the weighted mean; where the list is part of a whole, with the weights of the whole, parts add up.

struct Params {
  elements: u32,
}

const WIDTH = 256u;

var<workgroup> partials: array<f32, WIDTH>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(local_invocation_index) local: u32) {
  var own = 0.0;
  for (var i = local; i < params.elements; i += WIDTH) {
    own += weights[i] * values[i];
  }
  partials[local] = own;
  workgroupBarrier();
  if (local > 0u) {
    return;
  }
  var total = 0.0;
  for (var i = 0u; i < WIDTH; i++) {
    total += partials[i];
  }
  result[0] = total * normalizer[0];
}
