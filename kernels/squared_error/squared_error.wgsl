// Squared error of each prediction, one invocation an element: loss = (prediction − label)².

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
  let difference = predictions[i] - labels[i];
  loss[i] = difference * difference;
}
