// rowProjection = Σ dO∘O, with O the context of a query in a head and dO its gradient.
//
// What the gradients of all scores of a query in a head share; one invocation a row of one head.
//
// Prelude: Stored (a quad of a head in storage, or one element without VECTORS) VECTORS HEADS HEAD_SIZE QUADS (of a
// head).

@group(0) @binding(0) var<storage, read> contextGradient: array<Stored>;
@group(0) @binding(1) var<storage, read> context: array<Stored>;
@group(0) @binding(2) var<storage, read_write> rowProjection: array<f32>; // written whole
@group(0) @binding(3) var<uniform> params: Params;

struct Params {
  batch: u32,
  sequence: u32,
  // Tokens that are skipped together: a power of two, at most 32 blocks in a sequence.
  block: u32,
  // Stream of random numbers; read with dropout.
  stream: u32,
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let number = group.y * groups.x + group.x;
  // Workgroups of one head.
  let runs = (params.sequence + 63u) / 64u;
  let query = number % runs * 64u + local;
  let head = number / runs;
  if (query >= params.sequence || head >= params.batch * HEADS) {
    return;
  }
  let row = (head / HEADS * params.sequence + query) * HEADS + head % HEADS;
  //# if VECTORS
  var products = vec4<f32>();
  //# for d in 0..QUADS
  products += vec4<f32>(contextGradient[row * QUADS + $du]) * vec4<f32>(context[row * QUADS + $du]);
  //# end
  rowProjection[head * params.sequence + query] = dot(products, vec4<f32>(1.0));
  //# else
  var sum = 0.0;
  for (var at = row * HEAD_SIZE; at < (row + 1u) * HEAD_SIZE; at++) {
    sum += f32(contextGradient[at]) * f32(context[at]);
  }
  rowProjection[head * params.sequence + query] = sum;
  //# end
}
