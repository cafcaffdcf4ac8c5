// loss = max(x, 0) − x · label + log(1 + exp(−|x|)).
//
// Sigmoid cross-entropy of each logit in its stable form, one invocation an element.
//
// Prelude: none.

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<f32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>; // written whole
@group(0) @binding(3) var<uniform> params: Params;

struct Params {
  elements: u32,
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + local;
  if (i >= params.elements) {
    return;
  }
  let x = logits[i];
  loss[i] = max(x, 0.0) - x * labels[i] + log(1.0 + exp(-abs(x)));
}
