// results[i] = Σ_j c_j after STEPS links c_j = c_j · x + y of each chain j.
//
// As many multiply-adds as the adapter can do: each invocation runs sixteen chains of c = c · x + y over
// vec4s, side by side so that none waits for another, without touching memory in between. The factors
// come from a buffer, so that no compiler can work the chains out.
//
// Prelude: STEPS (links of each chain, a multiple of four) INVOCATIONS.

@group(0) @binding(0) var<storage, read> factors: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> results: array<vec4<f32>>; // written whole

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let number = (group.y * groups.x + group.x) * 64u + local;
  let x = factors[0];
  let y = factors[1];
  //# for i in 0..16
  var c_$i = f32(number + $iu) * x;
  //# end
  for (var step = 0u; step < STEPS; step += 4u) {
    //# for j in 0..4
    //# for i in 0..16
    c_$i = c_$i * x + y;
    //# end
    //# end
  }
  var sum = vec4<f32>();
  //# for i in 0..16
  sum += c_$i;
  //# end
  if (number < INVOCATIONS) {
    results[number] = sum;
  }
}
