// average = DECAY · average + (1 − DECAY) · parameters over flat storage, four elements an invocation.
//
// Prelude: BLOCKS (of four elements) DECAY.

@group(0) @binding(0) var<storage, read> parameters: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> average: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups_count: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups_count.x + group.x) * 64u + local;
  if (i < BLOCKS) {
    average[i] = average[i] + (1.0 - DECAY) * (parameters[i] - average[i]);
  }
}
