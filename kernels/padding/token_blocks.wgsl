// tokenBlocks[b] = min{c ≥ b: block c holds a token whose mask is not 0}, or the number of blocks.
//
// Tells for each block of BLOCK tokens the first one from it on that holds a real token, one past the last
// block where none does; one invocation a block. So whoever meets padding finds its end by one load.
//
// Prelude: BLOCK.

@group(0) @binding(0) var<storage, read> attentionMask: array<u32>;
@group(0) @binding(1) var<storage, read_write> tokenBlocks: array<u32>; // written whole
@group(0) @binding(2) var<uniform> params: Params;

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
