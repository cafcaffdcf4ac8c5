// Sums of f(x), RUNS of them, one invocation each: f squares in the first stage and is the
// identity in the second.
//
// Prelude: ELEMENTS RUNS SQUARE.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let run = id.x;
  if (run >= RUNS) {
    return;
  }
  // Invocations side by side read side by side.
  var total = 0.0;
  for (var i = run; i < ELEMENTS; i += RUNS) {
    let value = INPUT[i];
    total += select(value, value * value, SQUARE);
  }
  //# if ACCUMULATE
  total += OUTPUT[run];
  //# end
  OUTPUT[run] = total;
}
