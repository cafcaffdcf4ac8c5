// What the attention kernels share: where vectors lie, and dropout of probabilities.
//
// qkv holds queries, keys and values side by side: [batch, sequence, 3 · HEADS · HEAD_SIZE]; a head takes
// HEAD_SIZE columns of each. Vectors are handled in QUADS groups of four; where four does not divide
// HEAD_SIZE the last group is filled up with zeros.
//
// Prelude: HEADS HEAD_SIZE SKIPS (1 where padding is skipped) VECTORS (whether four divides HEAD_SIZE) DROPOUT; if
// DROPOUT: THRESHOLD KEEP_SCALE.

struct Params {
  batch: u32,
  sequence: u32,
  // Tokens that are skipped together: a power of two, at most 32 blocks in a sequence.
  block: u32,
  // Stream of random numbers; read with dropout.
  stream: u32,
}

const SKIPS_PADDING = SKIPS == 1u;
const ALL_BLOCKS = 0xffffffffu;
const HIDDEN = HEADS * HEAD_SIZE;
const SCALE = inverseSqrt(f32(HEAD_SIZE));
// On the score of a padded key, as in the original.
const PADDED = -10000.0;
// A score that no key reaches, for places past the sequence.
const ABSENT = -3.0e38;

// First element of a token's query (part 0), key (1) or value (2).
fn part_at(head_of_batch: u32, token: u32, part: u32) -> u32 {
  let row = head_of_batch / HEADS * params.sequence + token;
  return row * 3u * HIDDEN + part * HIDDEN + head_of_batch % HEADS * HEAD_SIZE;
}

// First element of a token's context.
fn context_at(head_of_batch: u32, token: u32) -> u32 {
  let row = head_of_batch / HEADS * params.sequence + token;
  return row * HIDDEN + head_of_batch % HEADS * HEAD_SIZE;
}

//# if VECTORS
fn quad_of_qkv(at: u32, quad: u32) -> vec4<f32> {
  return vec4<f32>(qkv[at / 4u + quad]);
}
//# else
fn quad_of_qkv(at: u32, quad: u32) -> vec4<f32> {
  var value = vec4<f32>();
  for (var i = 0u; i < min(4u, HEAD_SIZE - 4u * quad); i++) {
    value[i] = f32(qkv[at + 4u * quad + i]);
  }
  return value;
}
//# end

fn padding_of(head_of_batch: u32, token: u32) -> f32 {
  return select(PADDED, 0.0, attentionMask[head_of_batch / HEADS * params.sequence + token] != 0u);
}

// What is added to the score of a key.
fn bias_of(head_of_batch: u32, key: u32) -> f32 {
  return select(ABSENT, padding_of(head_of_batch, min(key, params.sequence - 1u)), key < params.sequence);
}

// Padding that is skipped: one bit for each block tokens of a sequence, 0 where all of them are padding. Every
// invocation looks for itself, so that the word is the same in all by construction.
fn real_blocks(head_of_batch: u32) -> u32 {
  let first = head_of_batch / HEADS * params.sequence;
  var blocks = select(ALL_BLOCKS, 0u, SKIPS_PADDING);
  var token = select(params.sequence, 0u, SKIPS_PADDING);
  while (token < params.sequence) {
    // A real token speaks for its block.
    let real = attentionMask[first + token] != 0u;
    let block = token / params.block;
    blocks |= select(0u, 1u << block, real);
    token = select(token + 1u, (block + 1u) * params.block, real);
  }
  return blocks;
}

// The first run of `size` tokens from `start` on, both multiples of four, that is not to be skipped; at or past
// the sequence where there is none. Loops go from run to run by this, since some drivers run what `continue`
// passes over with all lanes switched off.
fn next_run(blocks: u32, start: u32, size: u32) -> u32 {
  let block = min(start, params.sequence - 1u) / params.block;
  let ahead = countTrailingZeros(blocks >> block);
  let token = select(start, (block + ahead) * params.block, ahead > 0u);
  return token - token % size;
}

//# if DROPOUT
// Factors of four probabilities from key 4 · block on: 0 or KEEP_SCALE.
fn dropout_factors(head_of_batch: u32, query: u32, block: u32) -> vec4<f32> {
  let row = head_of_batch * params.sequence + query;
  let counter = row * ((params.sequence + 3u) / 4u) + block;
  let words = random_words(stepState.seed, params.stream, stepState.step, counter);
  return select(vec4<f32>(), vec4<f32>(KEEP_SCALE), words >= vec4<u32>(THRESHOLD));
}
//# end
