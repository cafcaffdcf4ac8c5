// partial[g, s] = Σ outputGradient[t] over the tokens t of group g whose segment is s.
//
// Gradient of the segment table over one group of tokens, one invocation an element of the table.
//
// Prelude: Elem COLUMNS TYPES.

@group(0) @binding(0) var<storage, read> typeIds: array<u32>;
@group(0) @binding(1) var<storage, read> outputGradient: array<Elem>;
@group(0) @binding(2) var<storage, read_write> partial: array<f32>; // written whole
@group(0) @binding(3) var<uniform> params: Params;

struct Params {
  tokens: u32,
  // Rows that are summed on their own.
  group_rows: u32,
}

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
  if (place >= TYPES * COLUMNS || part * params.group_rows >= params.tokens) {
    return;
  }
  let segment = place / COLUMNS;
  let column = place % COLUMNS;
  var total = 0.0;
  for (var token = part * params.group_rows; token < min((part + 1u) * params.group_rows, params.tokens); token++) {
    if (min(typeIds[token], TYPES - 1u) == segment) {
      total += f32(outputGradient[token * COLUMNS + column]);
    }
  }
  partial[part * TYPES * COLUMNS + place] = total;
}
