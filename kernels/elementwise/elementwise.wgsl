// output = f(inputs), element by element (or output += f with ACCUMULATE), one invocation an element or four.
// A page such as add.wgsl binds the inputs and defines f as `function_of`.
//
// Prelude: Value (f32 or vec4<f32>) Stored (Values in storage) ACCUMULATE.

@group(0) @binding(3) var<storage, read_write> output: array<Stored>; // written whole unless ACCUMULATE
@group(0) @binding(4) var<uniform> params: Params;

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
  value += Value(output[i]);
  //# end
  output[i] = Stored(value);
}
