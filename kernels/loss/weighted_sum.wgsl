// result = Σ w·v · normalizer.
//
// Weighted sum of a list times a normaliser, in one workgroup and a fixed order. With 1 / Σ w as normaliser it
// is the weighted mean; where the list is part of a whole, with the weights of the whole, parts add up.
//
// Prelude: none.

@group(0) @binding(0) var<storage, read> values: array<f32>;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> normalizer: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>; // written whole
@group(0) @binding(4) var<uniform> params: Params;

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
