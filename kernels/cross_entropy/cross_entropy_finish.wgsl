// loss[r] = max + log Σ exp(x − max) − x[target], from the state of row r; see cross_entropy.wgsl.
//
// The results of each row once all chunks are in, one invocation a row.
//
// Prelude: none.

@group(0) @binding(0) var<storage, read> state: array<u32>;
@group(0) @binding(1) var<storage, read_write> loss: array<f32>; // written whole
@group(0) @binding(2) var<storage, read_write> predictedIds: array<u32>; // written whole
@group(0) @binding(3) var<storage, read_write> sampledIds: array<u32>; // written whole
@group(0) @binding(4) var<uniform> params: Params;

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
