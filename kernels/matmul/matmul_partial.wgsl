// The end of one split of a product along k: its sums as they are, for matmul_join.wgsl.
//
// Prelude: as in matmul_shape.wgsl. `matrix` counts the splits of all products.

fn bias_of(column: u32) -> vec4<f32> {
  return vec4<f32>();
}

fn store(matrix: u32, row: u32, column: u32, sum: vec4<f32>, bias_here: vec4<f32>) {
  if (row >= params.m || column >= params.n) {
    return;
  }
  partials[((matrix * params.m + row) * params.n + column) / 4u] = sum;
}
