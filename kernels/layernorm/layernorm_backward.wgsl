// g = rstd · (w∘dy − mean(w∘dy) − x̂ · mean(w∘dy∘x̂)), with x̂ = (sum − mean) · rstd.
//
// Gradient of layernorm with respect to its input, one invocation a row; it goes to the residual as it is and
// through the dropout's mask to the hidden states.
//
// Prelude: Elem COLUMNS RESIDUAL DROPOUT ACCUMULATE_HIDDEN ACCUMULATE_RESIDUAL; if DROPOUT: THRESHOLD KEEP_SCALE.

@group(0) @binding(0) var<storage, read> outputGradient: array<Elem>;
@group(0) @binding(1) var<storage, read> sum: array<Elem>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> statistics: array<f32>;
//# if DROPOUT
@group(0) @binding(4) var<storage, read> stepState: StepState;
//# end
@group(0) @binding(5) var<storage, read_write> hiddenGradient: array<Elem>; // written whole unless ACCUMULATE_HIDDEN
//# if RESIDUAL
@group(0) @binding(6) var<storage, read_write> residualGradient: array<Elem>; // written whole unless ACCUMULATE_RESIDUAL
//# end
@group(0) @binding(8) var<uniform> params: Params;

struct Params {
  rows: u32,
  // Stream of random numbers; read with dropout.
  stream: u32,
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.y * groups.x + group.x) * 64u + local;
  if (row >= params.rows) {
    return;
  }
  let base = row * COLUMNS;
  let mean = statistics[2u * row];
  let rstd = statistics[2u * row + 1u];
  var scaled = 0.0;
  var projected = 0.0;
  for (var column = 0u; column < COLUMNS; column++) {
    let gradient = f32(outputGradient[base + column]) * weight[column];
    scaled += gradient;
    projected += gradient * (f32(sum[base + column]) - mean) * rstd;
  }
  scaled /= f32(COLUMNS);
  projected /= f32(COLUMNS);
  for (var column = 0u; column < COLUMNS; column++) {
    let at = base + column;
    let normalized = (f32(sum[at]) - mean) * rstd;
    let gradient = f32(outputGradient[at]) * weight[column];
    var value = rstd * (gradient - scaled - normalized * projected);
    //# if RESIDUAL
    //# if ACCUMULATE_RESIDUAL
    residualGradient[at] = Elem(f32(residualGradient[at]) + value);
    //# else
    residualGradient[at] = Elem(value);
    //# end
    //# end
    //# if DROPOUT
    let word = random_word(stepState.seed, params.stream, stepState.step, at);
    value = select(0.0, value * KEEP_SCALE, word >= THRESHOLD);
    //# end
    //# if ACCUMULATE_HIDDEN
    value += f32(hiddenGradient[at]);
    //# end
    hiddenGradient[at] = Elem(value);
  }
}
