// Joins runs of equal ids that reach over several pieces: the invocation of the piece where a run begins
// adds what the following pieces hold of it, in order.
//
// Prelude: TOKENS COLUMNS PIECE.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let column = id.x;
  let last = (id.y + 1u) * PIECE - 1u;
  if (column >= COLUMNS || last + 1u >= TOKENS) {
    return;
  }
  let row = sortedIds[last];
  let first = id.y * PIECE;
  let begins_here = sortedIds[first] != row || first == 0u || sortedIds[max(first, 1u) - 1u] != row;
  if (!begins_here || sortedIds[last + 1u] != row) {
    return;
  }
  var total = carry[(2u * id.y + 1u) * COLUMNS + column];
  for (var piece = id.y + 1u; piece * PIECE < TOKENS && sortedIds[piece * PIECE] == row; piece++) {
    total += carry[(2u * piece) * COLUMNS + column];
  }
  tableGradient[row * COLUMNS + column] += total;
}
