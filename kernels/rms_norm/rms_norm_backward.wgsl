// Gradient of RMSNorm with respect to its input, one invocation a row. With x̂ = input · rstd and
// g = outputGradient · weight: inputGradient = rstd · (g − x̂ · mean(g · x̂)).
//
// Prelude: Elem COLUMNS ACCUMULATE.

@group(0) @binding(0) var<storage, read> outputGradient: array<Elem>;
@group(0) @binding(1) var<storage, read> input: array<Elem>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> rstd: array<f32>;
@group(0) @binding(4) var<storage, read_write> inputGradient: array<Elem>; // written whole unless ACCUMULATE
@group(0) @binding(5) var<uniform> params: Params;

struct Params {
  rows: u32,
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.y * groups.x + group.x) * 64u + local;
  if (row >= params.rows) {
    return;
  }
  let base = row * COLUMNS;
  let scale = rstd[row];
  var projection = 0.0;
  for (var column = 0u; column < COLUMNS; column++) {
    let at = base + column;
    projection += f32(outputGradient[at]) * weight[column] * f32(input[at]) * scale;
  }
  projection /= f32(COLUMNS);
  for (var column = 0u; column < COLUMNS; column++) {
    let at = base + column;
    let normalized = f32(input[at]) * scale;
    var gradient = scale * (f32(outputGradient[at]) * weight[column] - normalized * projection);
    //# if ACCUMULATE
    gradient += f32(inputGradient[at]);
    //# end
    inputGradient[at] = Elem(gradient);
  }
}
