// RMSNorm over rows (Zhang and Sennrich, 2019), one invocation a row:
// output = input · rstd · weight, with rstd = 1 / √(mean(input²) + ε).
//
// Prelude: Elem COLUMNS EPSILON.

@group(0) @binding(0) var<storage, read> input: array<Elem>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<Elem>; // written whole
@group(0) @binding(3) var<storage, read_write> rstd: array<f32>; // written whole
@group(0) @binding(4) var<uniform> params: Params;

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
  var squares = 0.0;
  for (var column = 0u; column < COLUMNS; column++) {
    let value = f32(input[base + column]);
    squares += value * value;
  }
  let scale = inverseSqrt(squares / f32(COLUMNS) + EPSILON);
  for (var column = 0u; column < COLUMNS; column++) {
    output[base + column] = Elem(f32(input[base + column]) * scale * weight[column]);
  }
  rstd[row] = scale;
}
