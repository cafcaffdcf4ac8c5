// Gradient of the normalised softmax cross-entropy, one invocation an element:
//
//     (exp(x[r, c] − logSumExp[r]) − [c = labels[r]]) · weights[r] · normalizer · scale · loss scale
//
// Rows lie as in softmax_cross_entropy.wgsl.
//
// Prelude: Elem SCALE.

struct Params {
  rows: u32,
  columns: u32,
  groups: u32,
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + local;
  if (i >= params.rows * params.columns) {
    return;
  }
  let token = i / params.groups;
  let row = token / params.columns * params.groups + i % params.groups;
  var difference = exp(logits[i] - logSumExp[row]);
  if (token % params.columns == labels[row]) {
    difference -= 1.0;
  }
  var value = difference * weights[row] * normalizer[0] * SCALE * stepState.loss_scale;
  //# if ACCUMULATE
  value += f32(logitsGradient[i]);
  //# end
  logitsGradient[i] = Elem(value);
}
