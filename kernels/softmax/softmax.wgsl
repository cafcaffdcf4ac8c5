// output = exp(x − max) / Σ exp(x − max) over each row x.
//
// Softmax over rows, one invocation a row, stable under any shift of the logits.
//
// Prelude: Elem COLUMNS.

@group(0) @binding(0) var<storage, read> input: array<Elem>;
@group(0) @binding(1) var<storage, read_write> output: array<Elem>; // written whole
@group(0) @binding(2) var<uniform> params: Params;

struct Params {
  rows: u32,
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.y * groups.x + group.x) * 64u + local;
  if (row >= params.rows) {
    return;
  }
  let base = row * COLUMNS;
  // Maximum and sum in one pass: the sum is rescaled whenever the maximum grows.
  var largest = f32(input[base]);
  var total = 1.0;
  for (var column = 1u; column < COLUMNS; column++) {
    let value = f32(input[base + column]);
    let next = max(largest, value);
    total = total * exp(largest - next) + exp(value - next);
    largest = next;
  }
  for (var column = 0u; column < COLUMNS; column++) {
    output[base + column] = Elem(exp(f32(input[base + column]) - largest) / total);
  }
}
