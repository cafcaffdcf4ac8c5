// What the backward kernels share: access to gradients, and the part of padding. A padded query
// has none in any gradient; a padded key has none as soon as its sequence has a real one, since its
// probabilities are then exactly 0.

// A log-sum-exp that makes all probabilities of its query 0.
const NOTHING = 3.0e38;

// The log-sum-exp of a query that is not past the sequence.
fn log_sum_of(head_of_batch: u32, query: u32) -> f32 {
  let skipped = SKIPS_PADDING && padding_of(head_of_batch, query) != 0.0;
  return select(logSumExp[head_of_batch * params.sequence + query], NOTHING, skipped);
}

// Where the loop of a workgroup that answers for `rows` tokens from `first` on begins: past the sequence where
// all of them are padding.
fn first_run(blocks: u32, first: u32, rows: u32, size: u32) -> u32 {
  let idle = next_run(blocks, first, 4u) >= first + rows;
  return select(next_run(blocks, 0u, size), params.sequence, idle);
}

//# if VECTORS
fn quad_of_gradient(at: u32, quad: u32) -> vec4<f32> {
  return vec4<f32>(contextGradient[at / 4u + quad]);
}

fn put_gradient(at: u32, quad: u32, value: vec4<f32>) {
  qkvGradient[at / 4u + quad] = Elem4(value);
}
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
//# end
