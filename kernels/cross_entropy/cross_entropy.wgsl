// state[r] = state[r] joined with logits[r, ·]: max, Σ exp(x − max), x[target], argmax x, argmax (x / TEMPERATURE
// + noise).
//
// One chunk of the vocabulary folded into the running state of each row, one workgroup a row: the online
// log-sum-exp, the target's logit, the best id and, where SAMPLE is set, the id that wins under Gumbel noise
// (argmax of logit / TEMPERATURE + noise is a draw from the softmax).
//
// The winner under Gumbel noise −log(−log u) is the one with the largest exp(logit / TEMPERATURE) / −log u,
// which takes one logarithm less and shares its exponential with the softmax.
//
// State words of a row: largest logit, Σ exp(logit − largest), target's logit, best logit, best id,
// best noisy value, its id, unused; floats by their bits.
//
// Draws go by the row's place in the whole batch and by the whole batch's seed, so that a batch gives the same
// samples in parts as in one.
//
// Prelude: VOCABULARY TEMPERATURE Logits (one logit, or four with VECTORS) VECTORS SAMPLE SHARES OFFERS
// DISALLOW_CORRECT FIRST.

@group(0) @binding(0) var<storage, read> logits: array<Logits>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
//# if SAMPLE
@group(0) @binding(2) var<storage, read> stepState: StepState;
//# end
@group(0) @binding(3) var<storage, read_write> state: array<u32>; // written whole if FIRST
@group(0) @binding(4) var<uniform> params: Params;

struct Params {
  rows: u32,
  // Rows that belong to one sequence.
  rows_per_sequence: u32,
  // First piece of the chunk, and its pieces.
  chunk_start: u32,
  chunk_columns: u32,
  stream: u32,
}

const LEAST = -1.0e37;
const WIDTH = 64u;

struct Partial {
  largest: f32,
  total: f32,
  best_id: u32,
  noisy: f32,
  noisy_id: u32,
}

var<workgroup> partials: array<Partial, WIDTH>;

//# if VECTORS
fn quad_of_logits(row: u32, quad: u32) -> vec4<f32> {
  return vec4<f32>(logits[row * (params.chunk_columns / 4u) + quad]);
}

fn logit_of(row: u32, column: u32) -> f32 {
  return f32(logits[row * (params.chunk_columns / 4u) + column / 4u][column % 4u]);
}
//# else
fn quad_of_logits(row: u32, quad: u32) -> vec4<f32> {
  var value = vec4<f32>(LEAST);
  for (var i = 0u; i < min(4u, params.chunk_columns - 4u * quad); i++) {
    value[i] = f32(logits[row * params.chunk_columns + 4u * quad + i]);
  }
  return value;
}

fn logit_of(row: u32, column: u32) -> f32 {
  return f32(logits[row * params.chunk_columns + column]);
}
//# end

fn largest_of(value: vec4<f32>) -> f32 {
  return max(max(value.x, value.y), max(value.z, value.w));
}

// The least id among those whose value is the largest.
fn id_of(value: vec4<f32>, ids: vec4<u32>) -> u32 {
  let held = select(vec4<u32>(0xffffffffu), ids, value == vec4<f32>(largest_of(value)));
  return min(min(held.x, held.y), min(held.z, held.w));
}

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let own_row = group.y * groups.x + group.x;
  let inside = own_row < params.rows;
  let row = min(own_row, params.rows - 1u);
  let target_id = targets[row];
  // Each lane of a vec4 keeps its own best; maximum and sum are common to the four.
  var best = vec4<f32>(LEAST);
  var best_ids = vec4<u32>();
  var own_largest = LEAST;
  var own_total = 0.0;
  //# if SAMPLE
  var scores = vec4<f32>();
  var noisy_ids = vec4<u32>();
  let seed = stepState.seed ^ (stepState.first_sequence * 0x9e3779b1u);
  let row_in_batch = stepState.first_sequence * params.rows_per_sequence + row;
  //# end
  //# if OFFERS
  var offered_largest = LEAST;
  //# end
  for (var quad = local; quad < (params.chunk_columns + 3u) / 4u; quad += WIDTH) {
    let x = quad_of_logits(row, quad);
    let ids = vec4<u32>(params.chunk_start + 4u * quad) + vec4<u32>(0u, 1u, 2u, 3u);
    let better = x > best;
    best = select(best, x, better);
    best_ids = select(best_ids, ids, better);
    let next = max(own_largest, largest_of(x));
    let shrink = exp(own_largest - next);
    let weights = exp(x - vec4<f32>(next));
    own_total = own_total * shrink + dot(weights, vec4<f32>(1.0));
    own_largest = next;
    //# if SAMPLE
    let block = row_in_batch * ((VOCABULARY + 3u) / 4u) + params.chunk_start / 4u + quad;
    let words = random_words(seed, params.stream, stepState.step, block);
    let uniform = vec4<f32>(uniform_open(words.x), uniform_open(words.y), uniform_open(words.z),
      uniform_open(words.w));
    //# if SHARES
    let offered_weights = weights;
    let offered_shrink = shrink;
    //# end
    //# if OFFERS
    var offered = x / TEMPERATURE;
    //# if DISALLOW_CORRECT
    offered = select(offered, vec4<f32>(LEAST), ids == vec4<u32>(target_id));
    //# end
    let offered_next = max(offered_largest, largest_of(offered));
    let offered_weights = exp(offered - vec4<f32>(offered_next));
    let offered_shrink = exp(offered_largest - offered_next);
    offered_largest = offered_next;
    //# end
    // Where u rounds to 1, a logarithm may come out as 0.
    let score = offered_weights / max(-log(uniform), vec4<f32>(5.9e-8));
    scores *= offered_shrink;
    let wins = score > scores;
    scores = select(scores, score, wins);
    noisy_ids = select(noisy_ids, ids, wins);
    //# end
  }
  var own = Partial(own_largest, own_total, id_of(best, best_ids), LEAST, 0u);
  //# if SAMPLE
  //# if SHARES
  let offered_largest = own_largest;
  //# end
  let score = largest_of(scores);
  if (score > 0.0) {
    own.noisy = offered_largest + log(score);
    own.noisy_id = id_of(scores, noisy_ids);
  }
  //# end
  partials[local] = own;
  workgroupBarrier();
  if (local > 0u || !inside) {
    return;
  }
  //# if FIRST
  var largest = LEAST;
  var total = 0.0;
  var target_logit = 0.0;
  var best_id = 0u;
  var best_noisy = LEAST;
  var noisy_id = 0u;
  //# else
  var largest = bitcast<f32>(state[8u * row]);
  var total = bitcast<f32>(state[8u * row + 1u]);
  var target_logit = bitcast<f32>(state[8u * row + 2u]);
  var best_id = state[8u * row + 4u];
  var best_noisy = bitcast<f32>(state[8u * row + 5u]);
  var noisy_id = state[8u * row + 6u];
  //# end
  for (var i = 0u; i < WIDTH; i++) {
    let part = partials[i];
    let next = max(largest, part.largest);
    total = total * exp(largest - next) + part.total * exp(part.largest - next);
    if (part.largest > largest || (part.largest == largest && part.best_id < best_id)) {
      best_id = part.best_id;
    }
    largest = next;
    if (part.noisy > best_noisy || (part.noisy == best_noisy && part.noisy_id < noisy_id)) {
      best_noisy = part.noisy;
      noisy_id = part.noisy_id;
    }
  }
  if (target_id >= params.chunk_start && target_id - params.chunk_start < params.chunk_columns) {
    target_logit = logit_of(row, target_id - params.chunk_start);
  }
  state[8u * row] = bitcast<u32>(largest);
  state[8u * row + 1u] = bitcast<u32>(total);
  state[8u * row + 2u] = bitcast<u32>(target_logit);
  state[8u * row + 3u] = bitcast<u32>(largest);
  state[8u * row + 4u] = best_id;
  state[8u * row + 5u] = bitcast<u32>(best_noisy);
  state[8u * row + 6u] = noisy_id;
  state[8u * row + 7u] = 0u;
}
