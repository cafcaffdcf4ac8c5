// output = (sum − mean) · rstd · weight + bias, with sum = hidden, or residual + dropout(hidden).
//
// Layernorm over rows, a row in the registers of a workgroup, ROWS_EACH rows one after the other. Each row
// is read once; mean and variance still take two steps, so that nothing cancels.
//
// Prelude: Elem4 COLUMNS QUADS (of a row) LANES LANE_QUADS (of a row in each lane) ROWS_EACH EPSILON RESIDUAL
// DROPOUT; if DROPOUT: THRESHOLD KEEP_SCALE.

@group(0) @binding(0) var<storage, read> hidden: array<Elem4>;
//# if RESIDUAL
@group(0) @binding(1) var<storage, read> residual: array<Elem4>;
//# end
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
//# if DROPOUT
@group(0) @binding(4) var<storage, read> stepState: StepState;
//# end
//# if RESIDUAL
@group(0) @binding(5) var<storage, read_write> sum: array<Elem4>; // written whole
//# end
@group(0) @binding(6) var<storage, read_write> output: array<Elem4>; // written whole
@group(0) @binding(7) var<storage, read_write> statistics: array<f32>; // written whole
@group(0) @binding(8) var<uniform> params: Params;

struct Params {
  rows: u32,
  // Stream of random numbers; read with dropout.
  stream: u32,
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * ROWS_EACH;
  //# for q in 0..LANE_QUADS
  let place_$q = lane + $qu * LANES;
  let column_$q = min(place_$q, QUADS - 1u);
  let weight_$q = weight[column_$q];
  let bias_$q = bias[column_$q];
  //# end
  for (var row = first; row < min(first + ROWS_EACH, params.rows); row++) {
    var totals = vec4<f32>();
    //# for q in 0..LANE_QUADS
    let at_$q = row * QUADS + column_$q;
    var x_$q = vec4<f32>(hidden[at_$q]);
    //# if DROPOUT
    let words_$q = random_words(stepState.seed, params.stream, stepState.step, at_$q);
    x_$q = select(vec4<f32>(), x_$q * KEEP_SCALE, words_$q >= vec4<u32>(THRESHOLD));
    //# end
    //# if RESIDUAL
    // Rounded as it is stored, so that the backward pass sees the same.
    x_$q = vec4<f32>(Elem4(x_$q + vec4<f32>(residual[at_$q])));
    if (place_$q < QUADS) {
      sum[at_$q] = Elem4(x_$q);
    }
    //# end
    totals += select(vec4<f32>(), x_$q, place_$q < QUADS);
    //# end
    let mean = sum_of_lanes(lane, dot(totals, vec4<f32>(1.0))) / f32(COLUMNS);
    var squares = vec4<f32>();
    //# for q in 0..LANE_QUADS
    x_$q -= vec4<f32>(mean);
    squares += select(vec4<f32>(), x_$q * x_$q, place_$q < QUADS);
    //# end
    let variance = sum_of_lanes(lane, dot(squares, vec4<f32>(1.0))) / f32(COLUMNS);
    let rstd = inverseSqrt(variance + EPSILON);
    //# for q in 0..LANE_QUADS
    if (place_$q < QUADS) {
      output[at_$q] = Elem4(x_$q * rstd * weight_$q + bias_$q);
    }
    //# end
    if (lane == 0u) {
      statistics[2u * row] = mean;
      statistics[2u * row + 1u] = rstd;
    }
  }
}
