// output = input.
//
// Copies vec4s, one an invocation, neighbours beside each other: what memory gives at most. Several an
// invocation, a workgroup's width apart, reach less than half of that on a CPU adapter.
//
// Prelude: VECTORS.

@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>; // written whole

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups_count: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups_count.x + group.x) * 64u + local;
  if (i < VECTORS) {
    output[i] = input[i];
  }
}
