// weightGradient = Σ_g partial[g, 0], biasGradient = Σ_g partial[g, 1].
//
// Gradients of weight and bias from the sums of groups of rows, one invocation a column.
//
// Prelude: COLUMNS ACCUMULATE_WEIGHT ACCUMULATE_BIAS.

@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> weightGradient: array<f32>; // written whole unless ACCUMULATE_WEIGHT
@group(0) @binding(2) var<storage, read_write> biasGradient: array<f32>; // written whole unless ACCUMULATE_BIAS
@group(0) @binding(3) var<uniform> params: Params;

struct Params {
  groups: u32,
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let column = (group.y * groups.x + group.x) * 64u + local;
  if (column >= COLUMNS) {
    return;
  }
  var weightSum = 0.0;
  var biasSum = 0.0;
  for (var g = 0u; g < params.groups; g++) {
    weightSum += partial[2u * g * COLUMNS + column];
    biasSum += partial[(2u * g + 1u) * COLUMNS + column];
  }
  //# if ACCUMULATE_WEIGHT
  weightSum += weightGradient[column];
  //# end
  //# if ACCUMULATE_BIAS
  biasSum += biasGradient[column];
  //# end
  weightGradient[column] = weightSum;
  biasGradient[column] = biasSum;
}
