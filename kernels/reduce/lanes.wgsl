// Sums and maxima over the LANES invocations of a workgroup, given to all of them: by subgroup operations
// where a subgroup holds the whole workgroup, else through workgroup memory, always in the same order.
//
// Prelude: SUBGROUP LANES (a power of two).

//# if SUBGROUP
fn sum_of_lanes(lane: u32, value: f32) -> f32 {
  return subgroupAdd(value);
}

fn sums_of_lanes(lane: u32, value: vec2<f32>) -> vec2<f32> {
  return subgroupAdd(value);
}

fn largest_of_lanes(lane: u32, value: f32) -> f32 {
  return subgroupMax(value);
}
//# else
var<workgroup> of_lanes: array<vec2<f32>, LANES>;

fn sums_of_lanes(lane: u32, value: vec2<f32>) -> vec2<f32> {
  of_lanes[lane] = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      of_lanes[lane] += of_lanes[lane + half];
    }
    workgroupBarrier();
  }
  let total = of_lanes[0];
  workgroupBarrier();
  return total;
}

fn sum_of_lanes(lane: u32, value: f32) -> f32 {
  return sums_of_lanes(lane, vec2<f32>(value, 0.0)).x;
}

fn largest_of_lanes(lane: u32, value: f32) -> f32 {
  of_lanes[lane].x = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      of_lanes[lane].x = max(of_lanes[lane].x, of_lanes[lane + half].x);
    }
    workgroupBarrier();
  }
  let largest = of_lanes[0].x;
  workgroupBarrier();
  return largest;
}
//# end
