// Gradient of the normalised sigmoid cross-entropy, one invocation an element:
// (σ(x) − label) · weight · normalizer · scale.
//
// Prelude: Elem SCALE.

struct Params {
  elements: u32,
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + local;
  if (i >= params.elements) {
    return;
  }
  let probability = 1.0 / (1.0 + exp(-logits[i]));
  let factor = weights[i] * normalizer[0] * SCALE * stepState.loss_scale;
  var value = (probability - labels[i]) * factor;
  //# if ACCUMULATE
  value += f32(logitsGradient[i]);
  //# end
  logitsGradient[i] = Elem(value);
}
