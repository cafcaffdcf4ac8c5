// Gradient of the segment table over one group of tokens, one invocation an element of the table.
//
// Prelude: TOKENS COLUMNS TYPES GROUP_ROWS.

const ACROSS = (TYPES * COLUMNS + 63u) / 64u;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let number = group.y * groups.x + group.x;
  let place = number % ACROSS * 64u + local;
  let part = number / ACROSS;
  if (place >= TYPES * COLUMNS || part * GROUP_ROWS >= TOKENS) {
    return;
  }
  let segment = place / COLUMNS;
  let column = place % COLUMNS;
  var total = 0.0;
  for (var token = part * GROUP_ROWS; token < min((part + 1u) * GROUP_ROWS, TOKENS); token++) {
    if (min(typeIds[token], TYPES - 1u) == segment) {
      total += f32(outputGradient[token * COLUMNS + column]);
    }
  }
  partial[part * TYPES * COLUMNS + place] = total;
}
