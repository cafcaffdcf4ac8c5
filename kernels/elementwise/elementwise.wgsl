// One function of each element, one invocation an element; `function_of` comes with the prelude.
//
// Prelude: ELEMENTS, fn function_of(i: u32) -> f32.

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + local;
  if (i >= ELEMENTS) {
    return;
  }
  var value = function_of(i);
  //# if ACCUMULATE
  value += f32(OUTPUT[i]);
  //# end
  OUTPUT[i] = Elem(value);
}
