// Padding that a product passes over: `tokenBlocks` holds 0 for each TOKEN_BLOCK tokens that are all padding.

//# if SKIPS_ROWS
// Whether all rows of a tile are padding.
fn is_padding(row: u32, rows: u32) -> bool {
  var real = 0u;
  for (var block = row / TOKEN_BLOCK; block * TOKEN_BLOCK < min(row + rows, M); block++) {
    real |= tokenBlocks[block];
  }
  return real == 0u;
}
//# end
//# if SKIPS_SUMS
// The first step of the sums from k on that is not padding; at or past `end` where there is none.
fn next_real(k: u32, end: u32) -> u32 {
  var at = k;
  while (at < end && tokenBlocks[at / TOKEN_BLOCK] == 0u) {
    at = (at / TOKEN_BLOCK + 1u) * TOKEN_BLOCK;
  }
  return at;
}
//# end
