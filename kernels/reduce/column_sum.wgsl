// Column sums over one group of rows, one invocation a column or four; groups are summed by the same kernel.
// Rows are added in blocks, so that rounding does not grow with their number.
//
// Prelude: Value (f32 or vec4<f32>), ROWS COLUMNS (in Values) GROUP_ROWS WIDTH.

const BLOCK = 32u;

@compute @workgroup_size(WIDTH)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let column = id.x;
  if (column >= COLUMNS) {
    return;
  }
  let end = min((id.y + 1u) * GROUP_ROWS, ROWS);
  var total = Value();
  for (var first = id.y * GROUP_ROWS; first < end; first += BLOCK) {
    var block = Value();
    for (var row = first; row < min(first + BLOCK, end); row++) {
      block += Value(INPUT[row * COLUMNS + column]);
    }
    total += block;
  }
  //# if ZEROES
  if (column >= ZERO_FROM && column < ZERO_TO) {
    total = Value();
  }
  //# end
  let at = id.y * COLUMNS + column;
  //# if ACCUMULATE
  total += OUTPUT[at];
  //# end
  OUTPUT[at] = total;
}
