// Gradient of the weighted mean cross-entropy with respect to one chunk of logits, one
// invocation a logit: (softmax − [column = target]) · weight / Σ weights · scale.
//
// Prelude: Elem ROWS CHUNK_COLUMNS SCALE.

struct Params {
  chunk_start: u32,
  stream: u32,
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + local;
  if (i >= ROWS * CHUNK_COLUMNS) {
    return;
  }
  let row = i / CHUNK_COLUMNS;
  let largest = bitcast<f32>(state[8u * row]);
  let total = bitcast<f32>(state[8u * row + 1u]);
  let probability = exp(f32(logits[i]) - largest) / total;
  let hit = params.chunk_start + i % CHUNK_COLUMNS == targets[row];
  let factor = weights[row] * lossResult[1] * SCALE * stepState.loss_scale;
  GRADIENT[i] = Elem((probability - select(0.0, 1.0, hit)) * factor);
}
