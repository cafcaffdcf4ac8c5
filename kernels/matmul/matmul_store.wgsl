// The end of every product made in vec4s: bias, GELU or its derivative, and the guarded store of
// four columns of one row.
//
// Prelude: as in matmul_shape.wgsl.

// What is added to four columns of every row; loaded once for all rows of an invocation.
fn bias_of(column: u32) -> vec4<f32> {
  var value = vec4<f32>();
  //# if BIAS
  value = bias[min(column, params.n - 4u) / 4u];
  //# end
  return value;
}

fn store(matrix: u32, row: u32, column: u32, sum: vec4<f32>, bias_here: vec4<f32>) {
  if (row >= params.m || column >= params.n) {
    return;
  }
  let at = (matrix * (params.m * params.n) + row * params.n + column) / 4u;
  var value = sum + bias_here;
  //# if GELU
  //# for i in 0..4
  let gelu_$i = gelu(value[$i]);
  //# end
  value = vec4<f32>(gelu_0.x, gelu_1.x, gelu_2.x, gelu_3.x);
  derivative[at] = Elem4(vec4<f32>(gelu_0.y, gelu_1.y, gelu_2.y, gelu_3.y));
  //# end
  //# if GELU_BACKWARD
  value *= vec4<f32>(derivative[at]);
  //# end
  //# if ACCUMULATE
  value += vec4<f32>(c[at]);
  //# end
  c[at] = Output4(value);
}
