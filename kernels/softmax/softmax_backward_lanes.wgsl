// g = p∘(dy − Σ p∘dy) over each row, with p the softmax.
//
// Gradient of softmax over rows, a row in the registers of a workgroup.
//
// Prelude: Elem4 QUADS (of a row) LANES LANE_QUADS (of a row in each lane) ROWS_EACH ACCUMULATE.

@group(0) @binding(0) var<storage, read> output: array<Elem4>;
@group(0) @binding(1) var<storage, read> outputGradient: array<Elem4>;
@group(0) @binding(2) var<storage, read_write> inputGradient: array<Elem4>; // written whole unless ACCUMULATE
@group(0) @binding(3) var<uniform> params: Params;

struct Params {
  rows: u32,
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * ROWS_EACH;
  for (var row = first; row < min(first + ROWS_EACH, params.rows); row++) {
    var products = vec4<f32>();
    //# for q in 0..LANE_QUADS
    let place_$q = lane + $qu * LANES;
    let at_$q = row * QUADS + min(place_$q, QUADS - 1u);
    let p_$q = vec4<f32>(output[at_$q]);
    let g_$q = vec4<f32>(outputGradient[at_$q]);
    products += select(vec4<f32>(), p_$q * g_$q, place_$q < QUADS);
    //# end
    let projected = sum_of_lanes(lane, dot(products, vec4<f32>(1.0)));
    //# for q in 0..LANE_QUADS
    if (place_$q < QUADS) {
      var value_$q = p_$q * (g_$q - projected);
      //# if ACCUMULATE
      value_$q += vec4<f32>(inputGradient[at_$q]);
      //# end
      inputGradient[at_$q] = Elem4(value_$q);
    }
    //# end
  }
}
