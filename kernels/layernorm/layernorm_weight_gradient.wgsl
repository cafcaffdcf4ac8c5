// partial[g] = Σ dy∘x̂ and Σ dy over the rows of group g, with x̂ = (sum − mean) · rstd.
//
// Gradients of weight and bias over one group of rows, one invocation a column.
//
// Prelude: Elem COLUMNS.

@group(0) @binding(0) var<storage, read> outputGradient: array<Elem>;
@group(0) @binding(1) var<storage, read> sum: array<Elem>;
@group(0) @binding(2) var<storage, read> statistics: array<f32>;
@group(0) @binding(3) var<storage, read_write> partial: array<f32>; // written whole
@group(0) @binding(4) var<uniform> params: Params;

struct Params {
  rows: u32,
  // Rows that are summed on their own.
  group_rows: u32,
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
  let part = number / ACROSS;
  if (column >= COLUMNS || part * params.group_rows >= params.rows) {
    return;
  }
  var weightSum = 0.0;
  var biasSum = 0.0;
  for (var row = part * params.group_rows; row < min((part + 1u) * params.group_rows, params.rows); row++) {
    let gradient = f32(outputGradient[row * COLUMNS + column]);
    let centred = f32(sum[row * COLUMNS + column]) - statistics[2u * row];
    weightSum += gradient * centred * statistics[2u * row + 1u];
    biasSum += gradient;
  }
  partial[2u * part * COLUMNS + column] = weightSum;
  partial[(2u * part + 1u) * COLUMNS + column] = biasSum;
}
