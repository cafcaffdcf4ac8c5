// One function of each element, one invocation an element or four; `function_of` comes with the prelude.
//
// Prelude: Value (f32 or vec4<f32>), Stored (the same in storage), fn function_of(i: u32) -> Value.

struct Params {
  values: u32,
  // Stream of random numbers; read with dropout.
  stream: u32,
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + local;
  if (i >= params.values) {
    return;
  }
  var value = function_of(i);
  //# if ACCUMULATE
  value += Value(OUTPUT[i]);
  //# end
  OUTPUT[i] = Stored(value);
}
