// The function of elementwise.wgsl that changes nothing, f(x) = x, for tensors stored in another type.
//
// Prelude: Value (f32 or vec4<f32>) Input (Values in the storage of the input).

@group(0) @binding(0) var<storage, read> input: array<Input>;

fn function_of(i: u32) -> Value {
  return Value(input[i]);
}
