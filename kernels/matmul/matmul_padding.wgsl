// Padding that a product passes over: `tokenBlocks` tells for each block of TOKEN_BLOCK tokens the first one from
// it on that is not all padding; see token_blocks.wgsl.

//# if SKIPS_ROWS
// Whether all rows of a tile are padding.
fn is_padding(row: u32, rows: u32) -> bool {
  return tokenBlocks[row / TOKEN_BLOCK] * TOKEN_BLOCK >= min(row + rows, params.m);
}
//# end
//# if SKIPS_SUMS
// The first step of the sums from k on that is not padding; at or past the end where there is none.
fn next_real(k: u32) -> u32 {
  return max(k, tokenBlocks[min(k, params.k - 1u) / TOKEN_BLOCK] * TOKEN_BLOCK);
}
//# end
