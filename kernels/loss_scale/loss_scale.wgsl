// report = (√squaredNorm / scale, scale, 1 where squaredNorm is not finite).
//
// The end of a step, in one invocation: reports the norm of the gradients, the loss scale they were made
// with and whether the step was skipped. Where DYNAMIC is set it chooses the scale of the next step: half
// after gradients that are not finite, twice after GROWTH_INTERVAL good steps in a row.
//
// Prelude: DYNAMIC; if DYNAMIC: GROWTH_INTERVAL LEAST MOST.

@group(0) @binding(0) var<storage, read> squaredNorm: array<f32>;
//# if DYNAMIC
@group(0) @binding(1) var<storage, read_write> stepState: StepState;
@group(0) @binding(2) var<storage, read_write> goodSteps: array<u32>;
//# else
@group(0) @binding(1) var<storage, read> stepState: StepState;
//# end
@group(0) @binding(3) var<storage, read_write> report: array<f32>; // written whole

@compute @workgroup_size(1)
fn main() {
  let scale = stepState.loss_scale;
  // Infinity and NaN by their bits, since compilers may assume there are none; as in adam.wgsl.
  let skipped = (bitcast<u32>(squaredNorm[0]) & 0x7f800000u) == 0x7f800000u;
  report[0] = sqrt(squaredNorm[0]) / scale;
  report[1] = scale;
  report[2] = select(0.0, 1.0, skipped);
  //# if DYNAMIC
  if (skipped) {
    stepState.loss_scale = max(0.5 * scale, LEAST);
    goodSteps[0] = 0u;
  } else if (goodSteps[0] + 1u >= GROWTH_INTERVAL) {
    stepState.loss_scale = min(2.0 * scale, MOST);
    goodSteps[0] = 0u;
  } else {
    goodSteps[0] += 1u;
  }
  //# end
}
