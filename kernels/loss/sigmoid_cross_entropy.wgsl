// Sigmoid cross-entropy of each logit in its stable form, one invocation an element.

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
