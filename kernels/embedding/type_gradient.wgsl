// Gradient of the segment table over one group of tokens, one invocation an element of the table.
//
// Prelude: TOKENS COLUMNS TYPES GROUP_ROWS.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= TYPES * COLUMNS) {
    return;
  }
  let segment = id.x / COLUMNS;
  let column = id.x % COLUMNS;
  var total = 0.0;
  for (var token = id.y * GROUP_ROWS; token < min((id.y + 1u) * GROUP_ROWS, TOKENS); token++) {
    if (min(typeIds[token], TYPES - 1u) == segment) {
      total += f32(outputGradient[token * COLUMNS + column]);
    }
  }
  partial[id.y * TYPES * COLUMNS + id.x] = total;
}
