// The products of the attention kernels for GPUs: a workgroup of 64 answers for TILE_ROWS tokens of one
// head, meets the others TILE_COLUMNS at a time, and multiplies as matmul_workgroup.wgsl does, from
// operands staged in workgroup memory. An invocation holds four columns of 4 · ROW_QUADS rows of scores
// (column quad x, row quads y + 8 · p), and of what they sum up to OUT_QUADS quads (x + 8 · q) of the same rows.
//
// Prelude: as in attention_common.wgsl; ROW_QUADS OUT_QUADS, DEPTH (columns of a head, or tokens, that
// are staged at a time) and WIDTH (quads of one step in the stage).

const TILE_ROW_QUADS = 8u * ROW_QUADS;
const TILE_ROWS = 4u * TILE_ROW_QUADS;
const TILE_COLUMNS = 32u;
const DEPTH_QUADS = DEPTH / 4u;
// What is staged of both sides of a product of scores, in blocks of 4 × 4.
const BLOCKS = (TILE_ROW_QUADS + TILE_COLUMNS / 4u) * DEPTH_QUADS;

// What a product takes its rows or columns from: a part of qkv, or the gradient of the context.
const QUERY = 0u;
const KEY = 1u;
const VALUE = 2u;
const GRADIENT = 3u;

struct Scores {
  //# for p in 0..ROW_QUADS
  //# for j in 0..4
  row_$p_$j: vec4<f32>,
  //# end
  //# end
}

struct Sums {
  //# for p in 0..ROW_QUADS
  //# for j in 0..4
  //# for q in 0..OUT_QUADS
  row_$p_$j_$q: vec4<f32>,
  //# end
  //# end
  //# end
}

var<workgroup> stage: array<array<vec4<f32>, WIDTH>, DEPTH>;
// Probabilities, or gradients of scores: a quad of rows of each column.
var<workgroup> weights: array<array<vec4<f32>, TILE_ROW_QUADS>, TILE_COLUMNS>;

fn quad_of(source: u32, head: u32, token: u32, quad: u32) -> vec4<f32> {
  let row = min(token, params.sequence - 1u);
  //# if READS_GRADIENT
  if (source == GRADIENT) {
    return quad_of_gradient(context_at(head, row), quad);
  }
  //# end
  return quad_of_qkv(part_at(head, row, source), quad);
}

// Where quad number `place` of step `step` is staged, such that neither stores nor loads meet in one bank.
fn slot(step: u32, place: u32) -> u32 {
  return place ^ (step / 4u % DEPTH_QUADS * (8u / DEPTH_QUADS));
}

// Stages four columns of a head of four tokens, column by column.
fn stage_turned(source: u32, head: u32, token: u32, quad: u32, step: u32, place: u32) {
  var block = mat4x4<f32>();
  //# if RAGGED
  if (quad < QUADS) {
    block = transpose(mat4x4<f32>(
      //# for i in 0..4
      quad_of(source, head, token + $iu, quad),
      //# end
    ));
  }
  //# end
  //# if WHOLE
  block = transpose(mat4x4<f32>(
    //# for i in 0..4
    quad_of(source, head, token + $iu, quad),
    //# end
  ));
  //# end
  //# for i in 0..4
  stage[step + $iu][slot(step, place)] = block[$i];
  //# end
}

// Products of the rows from `row` on with the columns from `column` on, over the columns of a head.
fn scores_of(left: u32, right: u32, head: u32, row: u32, column: u32, local: u32) -> Scores {
  var scores = Scores();
  for (var quad = 0u; quad < QUADS; quad += DEPTH_QUADS) {
    workgroupBarrier();
    //# for l in 0..BLOCK_LOADS
    if (local + 64u * $lu < BLOCKS) {
      let place = (local + 64u * $lu) / DEPTH_QUADS;
      let part = local % DEPTH_QUADS;
      let is_left = place < TILE_ROW_QUADS;
      let token = select(column + 4u * (place - TILE_ROW_QUADS), row + 4u * place, is_left);
      stage_turned(select(right, left, is_left), head, token, quad + part, 4u * part, place);
    }
    //# end
    workgroupBarrier();
    //# for s in 0..DEPTH
    let b_$s = stage[$s][slot($su, TILE_ROW_QUADS + local % 8u)];
    //# for p in 0..ROW_QUADS
    let a_$s_$p = stage[$s][slot($su, local / 8u + 8u * $pu)];
    //# for j in 0..4
    scores.row_$p_$j += a_$s_$p[$j] * b_$s;
    //# end
    //# end
    //# end
  }
  return scores;
}

// Leaves scores where all can read them after a barrier.
fn put_weights(scores: Scores, local: u32) {
  //# for p in 0..ROW_QUADS
  //# for i in 0..4
  weights[4u * (local % 8u) + $iu][local / 8u + 8u * $pu] = vec4<f32>(
    scores.row_$p_0[$i], scores.row_$p_1[$i], scores.row_$p_2[$i], scores.row_$p_3[$i]);
  //# end
  //# end
}

// Adds the products of the weights with the tokens from `column` on.
fn add_products(sums: ptr<function, Sums>, source: u32, head: u32, column: u32, local: u32) {
  for (var first = 0u; first < TILE_COLUMNS; first += DEPTH) {
    workgroupBarrier();
    // All on their way before the first is waited for.
    //# for l in 0..TOKEN_LOADS
    let i_$l = local + 64u * $lu;
    let loaded_$l = quad_of(source, head, column + first + i_$l / QUADS, i_$l % QUADS);
    //# end
    //# for l in 0..TOKEN_LOADS
    if (i_$l < DEPTH * QUADS) {
      stage[i_$l / QUADS][i_$l % QUADS] = loaded_$l;
    }
    //# end
    workgroupBarrier();
    //# for s in 0..DEPTH
    //# for q in 0..OUT_QUADS
    let b_$s_$q = stage[$s][local % 8u + 8u * $qu];
    //# end
    //# for p in 0..ROW_QUADS
    let a_$s_$p = weights[first + $su][local / 8u + 8u * $pu];
    //# for j in 0..4
    //# for q in 0..OUT_QUADS
    (*sums).row_$p_$j_$q += a_$s_$p[$j] * b_$s_$q;
    //# end
    //# end
    //# end
    //# end
  }
}
