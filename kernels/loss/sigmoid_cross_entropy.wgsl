// Sigmoid cross-entropy of each logit in its stable form, one invocation an element.
//
// Prelude: ELEMENTS.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x;
  if (i >= ELEMENTS) {
    return;
  }
  let x = logits[i];
  loss[i] = max(x, 0.0) - x * labels[i] + log(1.0 + exp(-abs(x)));
}
