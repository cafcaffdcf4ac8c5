// output[g, c] = Σ input[r, c] over the rows r of group g (added to what is there with ACCUMULATE).
//
// Column sums over one group of rows, one invocation a column or four; groups are summed by the same kernel.
// Rows are added in blocks, so that rounding does not grow with their number.
//
// Prelude: Value (f32 or vec4<f32>) Stored (Values in storage) WIDTH ACCUMULATE ZEROES; if ZEROES: ZERO_FROM
// ZERO_TO.

@group(0) @binding(0) var<storage, read> input: array<Stored>;
@group(0) @binding(1) var<storage, read_write> output: array<Value>; // written whole unless ACCUMULATE
@group(0) @binding(2) var<uniform> params: Params;

struct Params {
  rows: u32,
  // In Values.
  columns: u32,
  // Rows that are summed on their own.
  group_rows: u32,
}

const BLOCK = 32u;

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let number = group.y * groups.x + group.x;
  let across = (params.columns + WIDTH - 1u) / WIDTH;
  let column = number % across * WIDTH + local;
  let part = number / across;
  if (column >= params.columns || part * params.group_rows >= params.rows) {
    return;
  }
  let end = min((part + 1u) * params.group_rows, params.rows);
  var total = Value();
  for (var first = part * params.group_rows; first < end; first += BLOCK) {
    var block = Value();
    for (var row = first; row < min(first + BLOCK, end); row++) {
      block += Value(input[row * params.columns + column]);
    }
    total += block;
  }
  //# if ZEROES
  if (column >= ZERO_FROM && column < ZERO_TO) {
    total = Value();
  }
  //# end
  let at = part * params.columns + column;
  //# if ACCUMULATE
  total += output[at];
  //# end
  output[at] = total;
}
