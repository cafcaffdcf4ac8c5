// Rows of each sequence at given positions, one invocation an element.
//
// Prelude: COLUMNS.

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
