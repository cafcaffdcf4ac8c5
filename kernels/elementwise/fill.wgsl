// The function of elementwise.wgsl that is the same everywhere: f = CONSTANT.
//
// Prelude: Value (f32 or vec4<f32>) CONSTANT.

fn function_of(i: u32) -> Value {
  return Value(CONSTANT);
}
