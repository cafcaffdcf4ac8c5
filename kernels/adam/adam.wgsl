// Adam with decoupled decay and no bias correction over flat storage, four elements an invocation:
//   g = gradient / loss scale · min(1, CLIP_NORM / norm)
//   m = β1 m + (1 − β1) g,  v = β2 v + (1 − β2) g²,  p −= rate · (m / (√v + ε) + decay · p)
// (`optimization.py` of the original). A norm that is not finite leaves everything as it was.
//
// Prelude: BLOCKS (of four elements) BETA1 BETA2 EPSILON CLIP_NORM.

@group(0) @binding(0) var<storage, read_write> parameters: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> firstMoment: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> secondMoment: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> groups: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read> learningRate: array<f32>;
@group(0) @binding(6) var<storage, read> stepState: StepState;
@group(0) @binding(7) var<storage, read> squaredNorm: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups_count: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups_count.x + group.x) * 64u + local;
  if (i >= BLOCKS) {
    return;
  }
  // Infinity and NaN by their bits, since compilers may assume there are none (docs/adapters.md: assumed-finite).
  if ((bitcast<u32>(squaredNorm[0]) & 0x7f800000u) == 0x7f800000u) {
    return;
  }
  let norm = sqrt(squaredNorm[0]) / stepState.loss_scale;
  var scale = 1.0 / stepState.loss_scale;
  if (CLIP_NORM > 0.0 && norm > CLIP_NORM) {
    scale *= CLIP_NORM / norm;
  }
  // 64 elements, so 16 blocks of four, share a learning-rate multiplier and a decay.
  let settings = groups[i / 16u];
  let g = gradients[i] * scale;
  let m = BETA1 * firstMoment[i] + (1.0 - BETA1) * g;
  let v = BETA2 * secondMoment[i] + (1.0 - BETA2) * g * g;
  firstMoment[i] = m;
  secondMoment[i] = v;
  let p = parameters[i];
  let update = m / (sqrt(v) + EPSILON) + settings.y * p;
  parameters[i] = p - learningRate[0] * settings.x * update;
}
