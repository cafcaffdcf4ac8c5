// Column sums of dy∘x̂ and of dy over one group of rows, one invocation a column.
//
// Prelude: ROWS COLUMNS GROUP_ROWS.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let column = id.x;
  if (column >= COLUMNS) {
    return;
  }
  var weightSum = 0.0;
  var biasSum = 0.0;
  for (var row = id.y * GROUP_ROWS; row < min((id.y + 1u) * GROUP_ROWS, ROWS); row++) {
    let gradient = f32(outputGradient[row * COLUMNS + column]);
    let centred = f32(sum[row * COLUMNS + column]) - statistics[2u * row];
    weightSum += gradient * centred * statistics[2u * row + 1u];
    biasSum += gradient;
  }
  partial[2u * id.y * COLUMNS + column] = weightSum;
  partial[(2u * id.y + 1u) * COLUMNS + column] = biasSum;
}
