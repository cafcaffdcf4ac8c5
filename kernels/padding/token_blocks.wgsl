// Tells for each block of BLOCK tokens the first one from it on that holds a real token, one past the last
// block where none does; one invocation a block. So whoever meets padding finds its end by one load.
//
// Prelude: BLOCK.

struct Params {
  tokens: u32,
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let block = (group.y * groups.x + group.x) * 64u + local;
  let first = block * BLOCK;
  if (block >= (params.tokens + BLOCK - 1u) / BLOCK) {
    return;
  }
  var token = first;
  while (token < params.tokens && attentionMask[min(token, params.tokens - 1u)] == 0u) {
    token++;
  }
  tokenBlocks[block] = select(token / BLOCK, (params.tokens + BLOCK - 1u) / BLOCK, token >= params.tokens);
}
