// Counter-based random numbers: a pure function of (seed, stream, step, block), so the same on every
// adapter and after every resume. One call gives four words; element e of a tensor takes lane e % 4 of
// block e / 4. The mixing is the pcg4d of Jarzynski and Olano, "Hash Functions for GPU Rendering" (2020).

// Written by the host before each part of a step, the loss scale alone by the device; see loss_scale.wgsl.
// The first sequence is the place in the whole batch of the part that is computed; where it is not 0, the
// seed differs from that of the whole batch (see cross_entropy.wgsl), so that parts drop other elements.
struct StepState {
  seed: u32,
  step: u32,
  first_sequence: u32,
  loss_scale: f32,
}

fn random_words(seed: u32, stream: u32, step: u32, block: u32) -> vec4<u32> {
  var v = vec4<u32>(block, stream, step, seed) * 1664525u + 1013904223u;
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  v ^= v >> vec4<u32>(16u);
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  return v;
}

// The word of one element.
fn random_word(seed: u32, stream: u32, step: u32, element: u32) -> u32 {
  return random_words(seed, stream, step, element / 4u)[element % 4u];
}

// Uniform in the open interval (0, 1): never 0, so that its logarithm is finite.
fn uniform_open(word: u32) -> f32 {
  return (f32(word >> 9u) + 0.5) * 1.1920929e-7;
}
