// gradient[r, c] = (softmax(x[r])[c] − [c = target[r]]) · weight[r] · normalizer · SCALE · loss scale.
//
// Gradient of the normalised cross-entropy with respect to one chunk of logits, a run of one row a workgroup.
//
// Prelude: Value (f32 or vec4<f32>) Ids (u32 or vec4<u32>) Logits Stored (Values in storage) SCALE VECTORS
// IN_PLACE.

//# if IN_PLACE
@group(0) @binding(0) var<storage, read_write> logits: array<Logits>;
//# else
@group(0) @binding(0) var<storage, read> logits: array<Logits>;
@group(0) @binding(6) var<storage, read_write> logitsGradient: array<Stored>; // written whole
//# end
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<u32>;
@group(0) @binding(4) var<storage, read> normalizer: array<f32>;
@group(0) @binding(5) var<storage, read> stepState: StepState;
@group(0) @binding(7) var<uniform> params: Params;

struct Params {
  rows: u32,
  // First piece of the chunk.
  chunk_start: u32,
  // Values of a row, and workgroups that share them.
  values: u32,
  runs: u32,
}

const WIDTH = 64u;

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let run = group.y * groups.x + group.x;
  let each = (params.values + params.runs * WIDTH - 1u) / (params.runs * WIDTH);
  let row = run / params.runs;
  if (row >= params.rows) {
    return;
  }
  let first = run % params.runs * WIDTH * each;
  let largest = bitcast<f32>(state[8u * row]);
  let total = bitcast<f32>(state[8u * row + 1u]);
  let factor = weights[row] * normalizer[0] * SCALE * stepState.loss_scale;
  let probability_factor = factor / total;
  let target_id = Ids(targets[row]);
  for (var i = first + local; i < min(first + WIDTH * each, params.values); i += WIDTH) {
    //# if VECTORS
    let ids = vec4<u32>(params.chunk_start + 4u * i) + vec4<u32>(0u, 1u, 2u, 3u);
    //# else
    let ids = params.chunk_start + i;
    //# end
    let at = row * params.values + i;
    let rise = exp(Value(logits[at]) - Value(largest)) * probability_factor;
    let gradient = Stored(rise - select(Value(), Value(factor), ids == target_id));
    //# if IN_PLACE
    logits[at] = gradient;
    //# else
    logitsGradient[at] = gradient;
    //# end
  }
}
