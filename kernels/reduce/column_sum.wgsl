// Column sums over one group of rows, one invocation a column or four; groups are summed by the same kernel.
// Rows are added in blocks, so that rounding does not grow with their number.
//
// Prelude: Value (f32 or vec4<f32>), ROWS COLUMNS (in Values) GROUP_ROWS WIDTH.

const BLOCK = 32u;
const ACROSS = (COLUMNS + WIDTH - 1u) / WIDTH;

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let number = group.y * groups.x + group.x;
  let column = number % ACROSS * WIDTH + local;
  let part = number / ACROSS;
  if (column >= COLUMNS || part * GROUP_ROWS >= ROWS) {
    return;
  }
  let end = min((part + 1u) * GROUP_ROWS, ROWS);
  var total = Value();
  for (var first = part * GROUP_ROWS; first < end; first += BLOCK) {
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
  let at = part * COLUMNS + column;
  //# if ACCUMULATE
  total += OUTPUT[at];
  //# end
  OUTPUT[at] = total;
}
