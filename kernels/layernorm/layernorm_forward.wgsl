// output = (sum − mean) · rstd · weight + bias, with sum = hidden, or residual + dropout(hidden).
//
// Layernorm over rows, one invocation a row. Mean and variance in two passes, so that nothing cancels.
//
// Prelude: Elem COLUMNS EPSILON RESIDUAL DROPOUT; if DROPOUT: THRESHOLD KEEP_SCALE.

@group(0) @binding(0) var<storage, read> hidden: array<Elem>;
//# if RESIDUAL
@group(0) @binding(1) var<storage, read> residual: array<Elem>;
//# end
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
//# if DROPOUT
@group(0) @binding(4) var<storage, read> stepState: StepState;
//# end
//# if RESIDUAL
@group(0) @binding(5) var<storage, read_write> sum: array<Elem>; // written whole
//# end
@group(0) @binding(6) var<storage, read_write> output: array<Elem>; // written whole
@group(0) @binding(7) var<storage, read_write> statistics: array<f32>; // written whole
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
  var total = 0.0;
  for (var column = 0u; column < COLUMNS; column++) {
    let at = base + column;
    var value = f32(hidden[at]);
    //# if DROPOUT
    let word = random_word(stepState.seed, params.stream, stepState.step, at);
    value = select(0.0, value * KEEP_SCALE, word >= THRESHOLD);
    //# end
    //# if RESIDUAL
    value += f32(residual[at]);
    sum[at] = Elem(value);
    //# end
    total += value;
  }
  let mean = total / f32(COLUMNS);
  var squares = 0.0;
  for (var column = 0u; column < COLUMNS; column++) {
    let centred = sum_at(base + column) - mean;
    squares += centred * centred;
  }
  let rstd = inverseSqrt(squares / f32(COLUMNS) + EPSILON);
  for (var column = 0u; column < COLUMNS; column++) {
    let normalized = (sum_at(base + column) - mean) * rstd;
    output[base + column] = Elem(normalized * weight[column] + bias[column]);
  }
  statistics[2u * row] = mean;
  statistics[2u * row + 1u] = rstd;
}

// What is normalised, rounded as it is stored.
fn sum_at(at: u32) -> f32 {
  //# if RESIDUAL
  return f32(sum[at]);
  //# else
  return f32(hidden[at]);
  //# end
}
