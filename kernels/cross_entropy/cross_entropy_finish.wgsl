// The results of each row once all chunks are in, one invocation a row.
//
// Prelude: ROWS.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x;
  if (row >= ROWS) {
    return;
  }
  let largest = bitcast<f32>(state[8u * row]);
  let total = bitcast<f32>(state[8u * row + 1u]);
  let target_logit = bitcast<f32>(state[8u * row + 2u]);
  loss[row] = log(total) + (largest - target_logit);
  predictedIds[row] = state[8u * row + 4u];
  sampledIds[row] = state[8u * row + 6u];
}
