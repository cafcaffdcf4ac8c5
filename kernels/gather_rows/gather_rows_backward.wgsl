// inputGradient[b, s] = Σ outputGradient[b, p] over the picks p with positions[b, p] = s.
//
// Gradient of gathering rows, one invocation an element of the input: it looks through its sequence's
// picks for its own position, so that several picks of one row add up in order.
//
// Prelude: Elem COLUMNS ACCUMULATE.

@group(0) @binding(0) var<storage, read> positions: array<u32>;
@group(0) @binding(1) var<storage, read> outputGradient: array<Elem>;
@group(0) @binding(2) var<storage, read_write> inputGradient: array<Elem>; // written whole unless ACCUMULATE
@group(0) @binding(3) var<uniform> params: Params;

struct Params {
  batch: u32,
  sequence: u32,
  picks: u32,
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + local;
  if (i >= params.batch * params.sequence * COLUMNS) {
    return;
  }
  let row = i / COLUMNS;
  let first = row / params.sequence * params.picks;
  var total = 0.0;
  for (var pick = first; pick < first + params.picks; pick++) {
    if (min(positions[pick], params.sequence - 1u) == row % params.sequence) {
      total += f32(outputGradient[pick * COLUMNS + i % COLUMNS]);
    }
  }
  //# if ACCUMULATE
  total += f32(inputGradient[i]);
  //# end
  inputGradient[i] = Elem(total);
}
