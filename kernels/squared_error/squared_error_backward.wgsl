// Gradient of the normalised squared error, one invocation an element:
// 2 · (prediction − label) · weight · normalizer · scale · loss scale.
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
  let factor = 2.0 * weights[i] * normalizer[0] * SCALE * stepState.loss_scale;
  var value = (predictions[i] - labels[i]) * factor;
  //# if ACCUMULATE
  value += f32(predictionsGradient[i]);
  //# end
  predictionsGradient[i] = Elem(value);
}
