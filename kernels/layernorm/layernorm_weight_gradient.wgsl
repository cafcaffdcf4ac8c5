// Column sums of dy∘x̂ and of dy over one group of rows, one invocation a column.
//
// Prelude: ROWS COLUMNS GROUP_ROWS.

const ACROSS = (COLUMNS + 63u) / 64u;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let number = group.y * groups.x + group.x;
  let column = number % ACROSS * 64u + local;
  let part = number / ACROSS;
  if (column >= COLUMNS || part * GROUP_ROWS >= ROWS) {
    return;
  }
  var weightSum = 0.0;
  var biasSum = 0.0;
  for (var row = part * GROUP_ROWS; row < min((part + 1u) * GROUP_ROWS, ROWS); row++) {
    let gradient = f32(outputGradient[row * COLUMNS + column]);
    let centred = f32(sum[row * COLUMNS + column]) - statistics[2u * row];
    weightSum += gradient * centred * statistics[2u * row + 1u];
    biasSum += gradient;
  }
  partial[2u * part * COLUMNS + column] = weightSum;
  partial[(2u * part + 1u) * COLUMNS + column] = biasSum;
}
