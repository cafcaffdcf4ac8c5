// Gradient of the normalised sigmoid cross-entropy, one invocation an element:
// (σ(x) − label) · weight · normalizer · scale.
//
// Prelude: Elem ELEMENTS SCALE.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x;
  if (i >= ELEMENTS) {
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
