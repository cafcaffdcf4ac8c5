// Tells for each block of BLOCK tokens the first one from it on that holds a real token, one past the last
// block where none does; one invocation a block. So whoever meets padding finds its end by one load.
//
// Prelude: TOKENS BLOCK.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let first = id.x * BLOCK;
  if (first >= TOKENS) {
    return;
  }
  var token = first;
  while (token < TOKENS && attentionMask[min(token, TOKENS - 1u)] == 0u) {
    token++;
  }
  tokenBlocks[id.x] = select(token / BLOCK, (TOKENS + BLOCK - 1u) / BLOCK, token >= TOKENS);
}
