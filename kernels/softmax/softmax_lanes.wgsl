// output = exp(x − max) / Σ exp(x − max) over each row x.
//
// Softmax over rows, a row in the registers of a workgroup, ROWS_EACH rows one after the other.
//
// Prelude: Elem4 QUADS (of a row) LANES LANE_QUADS (of a row in each lane) ROWS_EACH.

@group(0) @binding(0) var<storage, read> input: array<Elem4>;
@group(0) @binding(1) var<storage, read_write> output: array<Elem4>; // written whole
@group(0) @binding(2) var<uniform> params: Params;

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
    //# for q in 0..LANE_QUADS
    let place_$q = lane + $qu * LANES;
    let at_$q = row * QUADS + min(place_$q, QUADS - 1u);
    let x_$q = vec4<f32>(input[at_$q]);
    //# end
    // A place past the end repeats the last of the row, which changes no maximum.
    var largest = x_0;
    //# for q in 0..LANE_QUADS
    largest = max(largest, x_$q);
    //# end
    let most = largest_of_lanes(lane, max(max(largest.x, largest.y), max(largest.z, largest.w)));
    var totals = vec4<f32>();
    //# for q in 0..LANE_QUADS
    let e_$q = exp(x_$q - vec4<f32>(most));
    totals += select(vec4<f32>(), e_$q, place_$q < QUADS);
    //# end
    let inverse = 1.0 / sum_of_lanes(lane, dot(totals, vec4<f32>(1.0)));
    //# for q in 0..LANE_QUADS
    if (place_$q < QUADS) {
      output[at_$q] = Elem4(e_$q * inverse);
    }
    //# end
  }
}
