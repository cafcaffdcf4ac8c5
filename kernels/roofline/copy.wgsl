// Copies vec4s, four an invocation, a workgroup's width apart so that neighbours touch neighbours: what
// memory gives at most.
//
// Prelude: VECTORS.

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups_count: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let first = (group.y * groups_count.x + group.x) * 256u + local;
  //# for i in 0..4
  if (first + 64u * $iu < VECTORS) {
    output[first + 64u * $iu] = input[first + 64u * $iu];
  }
  //# end
}
