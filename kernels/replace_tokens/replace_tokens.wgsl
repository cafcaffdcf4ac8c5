// outputIds[b, positions[b, p]] = replacements[b, p] where weights[b, p] > 0, else inputIds; labels = [outputIds ≠
// inputIds].
//
// Puts the generator's samples into the text and says where it differs now, one invocation a token: the
// last pick of its position that counts wins.
//
// Prelude: none.

@group(0) @binding(0) var<storage, read> inputIds: array<u32>;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> replacements: array<u32>;
@group(0) @binding(4) var<storage, read_write> outputIds: array<u32>; // written whole
@group(0) @binding(5) var<storage, read_write> labels: array<f32>; // written whole
@group(0) @binding(6) var<uniform> params: Params;

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
