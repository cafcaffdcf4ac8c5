// Access to context and gradients, for the two backward kernels.

//# if VECTORS
fn quad_of_gradient(at: u32, quad: u32) -> vec4<f32> {
  return vec4<f32>(contextGradient[at / 4u + quad]);
}

fn put_gradient(at: u32, quad: u32, value: vec4<f32>) {
  qkvGradient[at / 4u + quad] = Elem4(value);
}

//# if READS_CONTEXT
fn quad_of_context(at: u32, quad: u32) -> vec4<f32> {
  return vec4<f32>(context[at / 4u + quad]);
}
//# end
//# end
//# if SCALARS
fn quad_of_gradient(at: u32, quad: u32) -> vec4<f32> {
  var value = vec4<f32>();
  for (var i = 0u; i < min(4u, HEAD_SIZE - 4u * quad); i++) {
    value[i] = f32(contextGradient[at + 4u * quad + i]);
  }
  return value;
}

fn put_gradient(at: u32, quad: u32, value: vec4<f32>) {
  for (var i = 0u; i < min(4u, HEAD_SIZE - 4u * quad); i++) {
    qkvGradient[at + 4u * quad + i] = Elem(value[i]);
  }
}

//# if READS_CONTEXT
fn quad_of_context(at: u32, quad: u32) -> vec4<f32> {
  var value = vec4<f32>();
  for (var i = 0u; i < min(4u, HEAD_SIZE - 4u * quad); i++) {
    value[i] = f32(context[at + 4u * quad + i]);
  }
  return value;
}
//# end
//# end
