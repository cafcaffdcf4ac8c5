// output[r] = Σ f(input[i]) over the r-th run of CHUNK neighbours, a workgroup each: f(x) = x² in the first stage
// and x in the next, which sums the sums.
//
// Prelude: Value (f32 or vec4<f32>) VALUES CHUNK SQUARE VECTORS ACCUMULATE.

@group(0) @binding(0) var<storage, read> input: array<Value>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>; // written whole unless ACCUMULATE

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
    let value = input[i];
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
  //# else
  var total = sums;
  //# end
  //# if ACCUMULATE
  total += output[group.x];
  //# end
  output[group.x] = total;
}
