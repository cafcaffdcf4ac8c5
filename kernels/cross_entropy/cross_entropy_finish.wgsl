// The results of each row once all chunks are in, one invocation a row.

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
  let largest = bitcast<f32>(state[8u * row]);
  let total = bitcast<f32>(state[8u * row + 1u]);
  let target_logit = bitcast<f32>(state[8u * row + 2u]);
  loss[row] = log(total) + (largest - target_logit);
  predictedIds[row] = state[8u * row + 4u];
  sampledIds[row] = state[8u * row + 6u];
}
