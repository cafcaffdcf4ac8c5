// Gradients of weight and bias from the sums of GROUPS groups of rows, one invocation a column.
//
// Prelude: COLUMNS GROUPS.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let column = id.x;
  if (column >= COLUMNS) {
    return;
  }
  var weightSum = 0.0;
  var biasSum = 0.0;
  for (var group = 0u; group < GROUPS; group++) {
    weightSum += partial[2u * group * COLUMNS + column];
    biasSum += partial[(2u * group + 1u) * COLUMNS + column];
  }
  //# if ACCUMULATE
  weightSum += weightGradient[column];
  biasSum += biasGradient[column];
  //# end
  weightGradient[column] = weightSum;
  biasGradient[column] = biasSum;
}
