// output[b, p] = input[b, positions[b, p]].
//
// Rows of each sequence at given positions, one invocation an element.
//
// Prelude: Elem COLUMNS.

@group(0) @binding(0) var<storage, read> input: array<Elem>;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<Elem>; // written whole
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
  if (i >= params.batch * params.picks * COLUMNS) {
    return;
  }
  let pick = i / COLUMNS;
  let position = min(positions[pick], params.sequence - 1u);
  output[i] = input[(pick / params.picks * params.sequence + position) * COLUMNS + i % COLUMNS];
}
