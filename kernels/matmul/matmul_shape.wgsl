// The lengths of a product, which all shapes of one pipeline share, and where its operands' elements lie:
// A is stored [m, k], or transposed [k, m]; B is stored [k, n], or transposed [n, k]; C is [m, n]; matrices
// of a batch follow one another.

struct Params {
  m: u32,
  n: u32,
  k: u32,
  // Independent products.
  batch: u32,
  // Steps of k that one split sums.
  split_k: u32,
  // 1 where workgroups next to each other lie below one another in C.
  goes_down: u32,
}

// Elements from a row of A to the next, and from a step of k to the next.
//# if A_TRANSPOSED
fn a_row() -> u32 {
  return 1u;
}

fn a_k() -> u32 {
  return params.m;
}

fn a_stride() -> u32 {
  return params.m;
}
//# else
fn a_row() -> u32 {
  return params.k;
}

fn a_k() -> u32 {
  return 1u;
}

fn a_stride() -> u32 {
  return params.k;
}
//# end

// Elements from a step of k of B to the next, and from a column to the next.
//# if B_TRANSPOSED
fn b_k() -> u32 {
  return 1u;
}

fn b_column() -> u32 {
  return params.k;
}

fn b_stride() -> u32 {
  return params.k;
}
//# else
fn b_k() -> u32 {
  return params.n;
}

fn b_column() -> u32 {
  return 1u;
}

fn b_stride() -> u32 {
  return params.n;
}
//# end
