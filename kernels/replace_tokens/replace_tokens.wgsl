// Puts the generator's samples into the text and says where it differs now, one invocation a token: the
// last pick of its position that counts wins.

struct Params {
  batch: u32,
  sequence: u32,
  picks: u32,
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let token = (group.y * groups.x + group.x) * 64u + local;
  if (token >= params.batch * params.sequence) {
    return;
  }
  let original = inputIds[token];
  let first = token / params.sequence * params.picks;
  var replaced = original;
  for (var pick = first; pick < first + params.picks; pick++) {
    if (weights[pick] > 0.0 && positions[pick] == token % params.sequence) {
      replaced = replacements[pick];
    }
  }
  outputIds[token] = replaced;
  labels[token] = select(0.0, 1.0, replaced != original);
}
