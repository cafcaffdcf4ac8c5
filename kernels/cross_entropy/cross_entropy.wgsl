// One chunk of the vocabulary folded into the running state of each row, one workgroup a row: the online
// log-sum-exp, the target's logit, the best id and, where SAMPLE is set, the id that wins under Gumbel noise
// (argmax of logit / TEMPERATURE + noise is a draw from the softmax).
//
// State words of a row: largest logit, Σ exp(logit − largest), target's logit, best logit, best id,
// best noisy value, its id, unused; floats by their bits.
//
// Prelude: ROWS VOCABULARY CHUNK_COLUMNS TEMPERATURE.

struct Params {
  chunk_start: u32,
  stream: u32,
}

const LEAST = -3.4e38;
const WIDTH = 64u;

struct Partial {
  largest: f32,
  total: f32,
  best_id: u32,
  noisy: f32,
  noisy_id: u32,
}

var<workgroup> partials: array<Partial, WIDTH>;

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let row = group.y * groups.x + group.x;
  let inside = row < ROWS;
  let base = min(row, ROWS - 1u) * CHUNK_COLUMNS;
  let target_id = targets[min(row, ROWS - 1u)];
  var own = Partial(LEAST, 0.0, 0u, LEAST, 0u);
  // Four columns at a time share one draw of random words.
  for (var quad = 4u * local; quad < CHUNK_COLUMNS; quad += 4u * WIDTH) {
    //# if SAMPLE
    let block = row * ((VOCABULARY + 3u) / 4u) + (params.chunk_start + quad) / 4u;
    let words = random_words(stepState.seed, params.stream, stepState.step, block);
    //# end
    for (var j = 0u; j < min(4u, CHUNK_COLUMNS - quad); j++) {
      let logit = f32(logits[base + quad + j]);
      let id = params.chunk_start + quad + j;
      if (logit > own.largest) {
        own.total = own.total * exp(own.largest - logit) + 1.0;
        own.largest = logit;
        own.best_id = id;
      } else {
        own.total += exp(logit - own.largest);
      }
      //# if SAMPLE
      var offered = logit;
      //# if DISALLOW_CORRECT
      offered = select(logit, logit - 1000.0, id == target_id);
      //# end
      let noisy = offered / TEMPERATURE - log(-log(uniform_open(words[j])));
      if (noisy > own.noisy) {
        own.noisy = noisy;
        own.noisy_id = id;
      }
      //# end
    }
  }
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
  //# end
  //# if CONTINUES
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
  if (target_id >= params.chunk_start && target_id - params.chunk_start < CHUNK_COLUMNS) {
    target_logit = f32(logits[base + target_id - params.chunk_start]);
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
