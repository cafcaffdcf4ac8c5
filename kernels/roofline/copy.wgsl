// Copies vec4s, one an invocation, neighbours beside each other: what memory gives at most. Several an
// invocation, a workgroup's width apart, reach less than half of that on a CPU adapter.
//
// Prelude: VECTORS.

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
