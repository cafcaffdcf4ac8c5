// out[i] = random word i of one seed, stream and step.
//
// Prelude: COUNT.

@group(0) @binding(0) var<storage, read_write> out: array<u32>; // written whole

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < COUNT) {
    out[id.x] = random_word(7u, 0xfffffff1u, 123456u, id.x);
  }
}
