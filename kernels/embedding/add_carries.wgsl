// tableGradient[id] += Σ carry over the pieces that a run of equal ids reaches over; the second of two stages.
//
// Joins runs of equal ids that reach over several pieces: the invocation of the piece where a run begins
// adds what the following pieces hold of it, in order.
//
// Prelude: COLUMNS PIECE.

@group(0) @binding(0) var<storage, read> sortedIds: array<u32>;
@group(0) @binding(1) var<storage, read> carry: array<f32>;
@group(0) @binding(2) var<storage, read_write> tableGradient: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

struct Params {
  tokens: u32,
}

const ACROSS = (COLUMNS + 63u) / 64u;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let number = group.y * groups.x + group.x;
  let column = number % ACROSS * 64u + local;
  let own = number / ACROSS;
  let last = (own + 1u) * PIECE - 1u;
  if (column >= COLUMNS || last + 1u >= params.tokens) {
    return;
  }
  let row = sortedIds[last];
  let first = own * PIECE;
  let begins_here = sortedIds[first] != row || first == 0u || sortedIds[max(first, 1u) - 1u] != row;
  if (!begins_here || sortedIds[last + 1u] != row) {
    return;
  }
  var total = carry[(2u * own + 1u) * COLUMNS + column];
  for (var piece = own + 1u; piece * PIECE < params.tokens && sortedIds[piece * PIECE] == row; piece++) {
    total += carry[(2u * piece) * COLUMNS + column];
  }
  tableGradient[row * COLUMNS + column] += total;
}
