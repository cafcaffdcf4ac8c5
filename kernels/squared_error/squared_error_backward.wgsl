// predictionsGradient = 2 · (prediction − label) · weight · normalizer · SCALE · loss scale.
//
// Gradient of the normalised squared error, one invocation an element.
//
// Prelude: Elem SCALE ACCUMULATE.

@group(0) @binding(0) var<storage, read> predictions: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> normalizer: array<f32>;
@group(0) @binding(4) var<storage, read> stepState: StepState;
@group(0) @binding(5) var<storage, read_write> predictionsGradient: array<Elem>; // written whole unless ACCUMULATE
@group(0) @binding(6) var<uniform> params: Params;

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
