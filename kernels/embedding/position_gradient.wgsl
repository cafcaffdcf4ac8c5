// tableGradient[p] = Σ_b outputGradient[b, p].
//
// Gradient of the position table: each row sums the gradients at its place over the batch, one invocation
// an element. Places past the sequence get 0.
//
// Prelude: Elem COLUMNS POSITIONS ACCUMULATE.

@group(0) @binding(0) var<storage, read> outputGradient: array<Elem>;
@group(0) @binding(1) var<storage, read_write> tableGradient: array<f32>; // written whole unless ACCUMULATE
@group(0) @binding(2) var<uniform> params: Params;

struct Params {
  batch: u32,
  sequence: u32,
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + local;
  if (i >= POSITIONS * COLUMNS) {
    return;
  }
  var total = 0.0;
  if (i < params.sequence * COLUMNS) {
    for (var row = 0u; row < params.batch; row++) {
      total += f32(outputGradient[row * params.sequence * COLUMNS + i]);
    }
  }
  //# if ACCUMULATE
  total += tableGradient[i];
  //# end
  tableGradient[i] = total;
}
