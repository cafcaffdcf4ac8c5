// g = rstd · (w∘dy − mean(w∘dy) − x̂ · mean(w∘dy∘x̂)), with x̂ = (sum − mean) · rstd; partial = Σ dy∘x̂ and Σ dy.
//
// Gradients of layernorm, a row in the registers of a workgroup, a group of rows one after the other: those
// of the input as in layernorm_backward.wgsl, and the group's share in those of weight and bias.
//
// Prelude: Elem4 COLUMNS QUADS (of a row) LANES LANE_QUADS (of a row in each lane) RESIDUAL DROPOUT
// ACCUMULATE_HIDDEN ACCUMULATE_RESIDUAL; if DROPOUT: THRESHOLD KEEP_SCALE.

@group(0) @binding(0) var<storage, read> outputGradient: array<Elem4>;
@group(0) @binding(1) var<storage, read> sum: array<Elem4>;
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> statistics: array<f32>;
//# if DROPOUT
@group(0) @binding(4) var<storage, read> stepState: StepState;
//# end
@group(0) @binding(5) var<storage, read_write> hiddenGradient: array<Elem4>; // written whole unless ACCUMULATE_HIDDEN
//# if RESIDUAL
@group(0) @binding(6) var<storage, read_write> residualGradient: array<Elem4>; // written whole unless ACCUMULATE_RESIDUAL
//# end
@group(0) @binding(7) var<storage, read_write> partial: array<vec4<f32>>; // written whole
@group(0) @binding(8) var<uniform> params: Params;

struct Params {
  rows: u32,
  // Rows that are summed on their own.
  group_rows: u32,
  // Stream of random numbers; read with dropout.
  stream: u32,
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let number = group.y * groups.x + group.x;
  let first = number * params.group_rows;
  if (first >= params.rows) {
    return;
  }
  //# for q in 0..LANE_QUADS
  let place_$q = lane + $qu * LANES;
  let column_$q = min(place_$q, QUADS - 1u);
  let weight_$q = weight[column_$q];
  var weight_sum_$q = vec4<f32>();
  var bias_sum_$q = vec4<f32>();
  //# end
  for (var row = first; row < min(first + params.group_rows, params.rows); row++) {
    let mean = statistics[2u * row];
    let rstd = statistics[2u * row + 1u];
    var scaled = vec4<f32>();
    var projected = vec4<f32>();
    //# for q in 0..LANE_QUADS
    let at_$q = row * QUADS + column_$q;
    let dy_$q = vec4<f32>(outputGradient[at_$q]);
    let n_$q = (vec4<f32>(sum[at_$q]) - vec4<f32>(mean)) * rstd;
    let g_$q = dy_$q * weight_$q;
    weight_sum_$q += dy_$q * n_$q;
    bias_sum_$q += dy_$q;
    scaled += select(vec4<f32>(), g_$q, place_$q < QUADS);
    projected += select(vec4<f32>(), g_$q * n_$q, place_$q < QUADS);
    //# end
    let own = vec2<f32>(dot(scaled, vec4<f32>(1.0)), dot(projected, vec4<f32>(1.0)));
    let means = sums_of_lanes(lane, own) / f32(COLUMNS);
    //# for q in 0..LANE_QUADS
    if (place_$q < QUADS) {
      var value = rstd * (g_$q - vec4<f32>(means.x) - n_$q * means.y);
      //# if RESIDUAL
      //# if ACCUMULATE_RESIDUAL
      residualGradient[at_$q] = Elem4(vec4<f32>(residualGradient[at_$q]) + value);
      //# else
      residualGradient[at_$q] = Elem4(value);
      //# end
      //# end
      //# if DROPOUT
      let words = random_words(stepState.seed, params.stream, stepState.step, at_$q);
      value = select(vec4<f32>(), value * KEEP_SCALE, words >= vec4<u32>(THRESHOLD));
      //# end
      //# if ACCUMULATE_HIDDEN
      value += vec4<f32>(hiddenGradient[at_$q]);
      //# end
      hiddenGradient[at_$q] = Elem4(value);
    }
    //# end
  }
  //# for q in 0..LANE_QUADS
  if (place_$q < QUADS) {
    partial[2u * number * QUADS + column_$q] = weight_sum_$q;
    partial[(2u * number + 1u) * QUADS + column_$q] = bias_sum_$q;
  }
  //# end
}
