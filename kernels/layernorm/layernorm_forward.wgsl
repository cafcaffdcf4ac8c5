// Layernorm over rows, one invocation a row: output = (sum − mean) · rstd · weight + bias, where sum is
// the input, or residual + dropout(input). Mean and variance in two passes, so that nothing cancels.
//
// Prelude: COLUMNS EPSILON, and with dropout THRESHOLD KEEP_SCALE.

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
    let centred = f32(SUM[base + column]) - mean;
    squares += centred * centred;
  }
  let rstd = inverseSqrt(squares / f32(COLUMNS) + EPSILON);
  for (var column = 0u; column < COLUMNS; column++) {
    let normalized = (f32(SUM[base + column]) - mean) * rstd;
    output[base + column] = Elem(normalized * weight[column] + bias[column]);
  }
  statistics[2u * row] = mean;
  statistics[2u * row + 1u] = rstd;
}
