// tableGradient[id] += Σ outputGradient[t] over the tokens t with that id; the first of two stages.
//
// Adds the gradients of equal ids, one piece of the sorted tokens and one column an invocation. A run that
// lies within the piece goes to the table. A run that goes on past the piece's end is left in `carry`
// for the invocation of the piece where it began; see add_carries.wgsl.
//
// Prelude: Elem COLUMNS PIECE.

@group(0) @binding(0) var<storage, read> sortedIds: array<u32>;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> outputGradient: array<Elem>;
@group(0) @binding(3) var<storage, read_write> tableGradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> carry: array<f32>; // written whole
@group(0) @binding(5) var<uniform> params: Params;

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
  let piece = number / ACROSS;
  if (column >= COLUMNS || piece * PIECE >= params.tokens) {
    return;
  }
  let first = piece * PIECE;
  let end = min(first + PIECE, params.tokens);
  var total = 0.0;
  var inherited = first > 0u && sortedIds[first - 1u] == sortedIds[first];
  // What the piece owes to a run from before, and what its own last run has before going on.
  var before = 0.0;
  var after = 0.0;
  for (var i = first; i < end; i++) {
    total += f32(outputGradient[order[i] * COLUMNS + column]);
    let row = sortedIds[i];
    let goes_on = i + 1u < params.tokens && sortedIds[min(i + 1u, params.tokens - 1u)] == row;
    if (goes_on && i + 1u < end) {
      continue;
    }
    if (inherited) {
      before = total;
    } else if (goes_on) {
      after = total;
    } else {
      tableGradient[row * COLUMNS + column] += total;
    }
    inherited = false;
    total = 0.0;
  }
  carry[(2u * piece) * COLUMNS + column] = before;
  carry[(2u * piece + 1u) * COLUMNS + column] = after;
}
