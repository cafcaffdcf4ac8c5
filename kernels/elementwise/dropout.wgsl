// The function of elementwise.wgsl that drops elements: f(x) = x · KEEP_SCALE where the element's random word (see
// random.wgsl) reaches THRESHOLD, else 0.
//
// Prelude: Value (f32 or vec4<f32>) Input (Values in the storage of the input) VECTORS THRESHOLD KEEP_SCALE.

@group(0) @binding(0) var<storage, read> input: array<Input>;
@group(0) @binding(2) var<storage, read> stepState: StepState;

fn function_of(i: u32) -> Value {
  //# if VECTORS
  let words = random_words(stepState.seed, params.stream, stepState.step, i);
  return select(Value(), Value(input[i]) * KEEP_SCALE, words >= vec4<u32>(THRESHOLD));
  //# else
  let word = random_word(stepState.seed, params.stream, stepState.step, i);
  return select(Value(), Value(input[i]) * KEEP_SCALE, word >= THRESHOLD);
  //# end
}
