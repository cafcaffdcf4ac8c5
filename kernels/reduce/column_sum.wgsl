// Column sums over one group of rows, one invocation a column; groups are summed by the same kernel.
//
// Prelude: ROWS COLUMNS GROUP_ROWS.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let column = id.x;
  if (column >= COLUMNS) {
    return;
  }
  var total = 0.0;
  for (var row = id.y * GROUP_ROWS; row < min((id.y + 1u) * GROUP_ROWS, ROWS); row++) {
    total += f32(INPUT[row * COLUMNS + column]);
  }
  //# if ZEROES
  if (column >= ZERO_FROM && column < ZERO_TO) {
    total = 0.0;
  }
  //# end
  let at = id.y * COLUMNS + column;
  //# if ACCUMULATE
  total += OUTPUT[at];
  //# end
  OUTPUT[at] = total;
}
