// The function of elementwise.wgsl that multiplies: f(a, b) = a · b.
//
// Prelude: Value (f32 or vec4<f32>) Input (Values in the storage of the inputs).

@group(0) @binding(0) var<storage, read> a: array<Input>;
@group(0) @binding(1) var<storage, read> b: array<Input>;

fn function_of(i: u32) -> Value {
  return Value(a[i]) * Value(b[i]);
}
