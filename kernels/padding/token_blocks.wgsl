// Marks the blocks of BLOCK tokens that hold a real one; one invocation a block.
//
// Prelude: TOKENS BLOCK.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let first = id.x * BLOCK;
  if (first >= TOKENS) {
    return;
  }
  var real = 0u;
  for (var token = first; token < min(first + BLOCK, TOKENS); token++) {
    real |= attentionMask[token];
  }
  tokenBlocks[id.x] = min(real, 1u);
}
