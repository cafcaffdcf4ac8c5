// Rows of each sequence at given positions, one invocation an element.
//
// Prelude: BATCH SEQUENCE PICKS COLUMNS.

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + local;
  if (i >= BATCH * PICKS * COLUMNS) {
    return;
  }
  let pick = i / COLUMNS;
  let position = min(positions[pick], SEQUENCE - 1u);
  output[i] = input[(pick / PICKS * SEQUENCE + position) * COLUMNS + i % COLUMNS];
}
