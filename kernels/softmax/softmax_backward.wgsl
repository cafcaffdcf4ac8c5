// g = p∘(dy − Σ p∘dy) over each row, with p the softmax.
//
// Gradient of softmax over rows, one invocation a row.
//
// Prelude: Elem COLUMNS ACCUMULATE.

@group(0) @binding(0) var<storage, read> output: array<Elem>;
@group(0) @binding(1) var<storage, read> outputGradient: array<Elem>;
@group(0) @binding(2) var<storage, read_write> inputGradient: array<Elem>; // written whole unless ACCUMULATE
@group(0) @binding(3) var<uniform> params: Params;

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
  var projected = 0.0;
  for (var column = 0u; column < COLUMNS; column++) {
    projected += f32(output[base + column]) * f32(outputGradient[base + column]);
  }
  for (var column = 0u; column < COLUMNS; column++) {
    let at = base + column;
    var value = f32(output[at]) * (f32(outputGradient[at]) - projected);
    //# if ACCUMULATE
    value += f32(inputGradient[at]);
    //# end
    inputGradient[at] = Elem(value);
  }
}
