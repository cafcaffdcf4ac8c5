// What each row adds to the gradient of RMSNorm's weight, one invocation an element:
// terms = outputGradient · input · rstd. The sums of its columns are the gradient.
//
// Prelude: Elem COLUMNS.

@group(0) @binding(0) var<storage, read> outputGradient: array<Elem>;
@group(0) @binding(1) var<storage, read> input: array<Elem>;
@group(0) @binding(2) var<storage, read> rstd: array<f32>;
@group(0) @binding(3) var<storage, read_write> terms: array<f32>; // written whole
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
  let i = (group.y * groups.x + group.x) * 64u + local;
  if (i >= params.rows * COLUMNS) {
    return;
  }
  terms[i] = f32(outputGradient[i]) * f32(input[i]) * rstd[i / COLUMNS];
}
