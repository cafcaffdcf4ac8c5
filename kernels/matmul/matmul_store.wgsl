// The end of every product made in vec4s: scale, bias, GELU or its derivative, and the guarded store of
// four columns of one row.
//
// Prelude: as in matmul_tile.wgsl.

fn store(matrix: u32, row: u32, column: u32, sum: vec4<f32>) {
  if (row >= M || column >= N) {
    return;
  }
  let at = (matrix * C_BATCH + row * C_STRIDE + column) / 4u;
  var value = ALPHA * sum;
  //# if BIAS
  value += bias[column / 4u];
  //# end
  //# if GELU
  preActivation[at] = Elem4(value);
  value = vec4<f32>(gelu(value.x), gelu(value.y), gelu(value.z), gelu(value.w));
  //# end
  //# if GELU_BACKWARD
  let z = vec4<f32>(preActivation[at]);
  value *= vec4<f32>(
    gelu_derivative(z.x), gelu_derivative(z.y), gelu_derivative(z.z), gelu_derivative(z.w));
  //# end
  //# if ACCUMULATE
  value += vec4<f32>(c[at]);
  //# end
  c[at] = Output4(value);
}
