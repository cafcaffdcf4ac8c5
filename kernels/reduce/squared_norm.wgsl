// Sums of f(x), one for each workgroup's run of CHUNK neighbours: f squares in the first stage and is the
// identity in the second.
//
// Prelude: Value (f32 or vec4<f32>), VALUES CHUNK SQUARE.

const WIDTH = 64u;

var<workgroup> partials: array<Value, WIDTH>;

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let end = min((group.x + 1u) * CHUNK, VALUES);
  var own = Value();
  for (var i = group.x * CHUNK + local; i < end; i += WIDTH) {
    let value = INPUT[i];
    own += select(value, value * value, SQUARE);
  }
  partials[local] = own;
  workgroupBarrier();
  if (local > 0u) {
    return;
  }
  var sums = Value();
  for (var i = 0u; i < WIDTH; i++) {
    sums += partials[i];
  }
  //# if VECTORS
  var total = (sums.x + sums.y) + (sums.z + sums.w);
  //# end
  //# if SCALARS
  var total = sums;
  //# end
  //# if ACCUMULATE
  total += OUTPUT[group.x];
  //# end
  OUTPUT[group.x] = total;
}
