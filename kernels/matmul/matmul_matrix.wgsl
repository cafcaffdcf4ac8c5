// C = A·B, ended by matmul_store.wgsl or matmul_partial.wgsl.
//
// Matrix product by subgroup matrices (tensor cores). A workgroup stages DEPTH steps of k of its
// TILE_M × TILE_N part of C in workgroup memory; each of its WORKGROUP_X × WORKGROUP_Y subgroups loads
// matrices from there and holds the sums of its own ROWS × COLUMNS as TILES_M × TILES_N result matrices.
// While one stage is multiplied, the next is on its way from memory into registers.
//
// Operands are staged as they are stored, line by line, and the matrix loads turn what is stored transposed.
// Lines are padded by 16 bytes, which keeps the lines of one matrix in different banks and every matrix
// aligned as Vulkan wants it. At the edges of C, reads are clamped and only stores are guarded; past the
// end of k, zeros are staged. Sums leave through workgroup memory, one matrix a subgroup at a time, for
// the common end of all products.
//
// Prelude: Elem Elem4 Left Right Result (the matrix types) SIZE_M SIZE_N SIZE_K LANES (the most of a subgroup)
// CHOSEN_LANES (whether its subgroups must be asked to have so many) ROWS COLUMNS DEPTH PADDING WORKGROUP_X
// WORKGROUP_Y SPLITS TILES_DOWN TILES_ACROSS A_LOADS B_LOADS (of an invocation) A_TRANSPOSED B_TRANSPOSED
// SKIPS_ROWS SKIPS_SUMS.

@group(0) @binding(0) var<storage, read> a: array<Elem4>;
@group(0) @binding(1) var<storage, read> b: array<Elem4>;

const SUBGROUPS = WORKGROUP_X * WORKGROUP_Y;
const INVOCATIONS = SUBGROUPS * LANES;
const TILE_M = WORKGROUP_Y * ROWS;
const TILE_N = WORKGROUP_X * COLUMNS;
const A_QUADS = TILE_M * DEPTH / 4u;
const B_QUADS = TILE_N * DEPTH / 4u;
const RESULT = SIZE_M * SIZE_N;
const TILES_M = ROWS / SIZE_M;
const TILES_N = COLUMNS / SIZE_N;

// Elements in a staged line, without and with its padding.
//# if A_TRANSPOSED
const A_WIDTH = TILE_M;
const A_LINES = DEPTH;
//# else
const A_WIDTH = DEPTH;
const A_LINES = TILE_M;
//# end
//# if B_TRANSPOSED
const B_WIDTH = DEPTH;
const B_LINES = TILE_N;
//# else
const B_WIDTH = TILE_N;
const B_LINES = DEPTH;
//# end
const A_LINE = A_WIDTH + PADDING;
const B_LINE = B_WIDTH + PADDING;

var<workgroup> a_stage: array<Elem, A_LINES * A_LINE>;
var<workgroup> b_stage: array<Elem, B_LINES * B_LINE>;
var<workgroup> results: array<f32, SUBGROUPS * RESULT>;

// Four neighbours in a line of the part of A that is staged from step k0 on; `quad` counts them.
fn load_a(quad: u32, workgroup: vec3<u32>, k0: u32) -> Elem4 {
  let line = quad / (A_WIDTH / 4u);
  let along = 4u * (quad % (A_WIDTH / 4u));
  //# if A_TRANSPOSED
  let row = min(workgroup.y * TILE_M + along, params.m - 4u);
  let k = k0 + line;
  //# else
  let row = min(workgroup.y * TILE_M + line, params.m - 1u);
  let k = k0 + along;
  //# end
  if (quad >= A_QUADS || k >= params.k) {
    return Elem4();
  }
  return a[(workgroup.z / SPLITS * (params.m * params.k) + row * a_row() + k * a_k()) / 4u];
}

fn load_b(quad: u32, workgroup: vec3<u32>, k0: u32) -> Elem4 {
  let line = quad / (B_WIDTH / 4u);
  let along = 4u * (quad % (B_WIDTH / 4u));
  //# if B_TRANSPOSED
  let column = min(workgroup.x * TILE_N + line, params.n - 1u);
  let k = k0 + along;
  //# else
  let column = min(workgroup.x * TILE_N + along, params.n - 4u);
  let k = k0 + line;
  //# end
  if (quad >= B_QUADS || k >= params.k) {
    return Elem4();
  }
  return b[(workgroup.z / SPLITS * (params.k * params.n) + k * b_k() + column * b_column()) / 4u];
}

fn stage_a(quad: u32, value: Elem4) {
  if (quad >= A_QUADS) {
    return;
  }
  let at = quad / (A_WIDTH / 4u) * A_LINE + 4u * (quad % (A_WIDTH / 4u));
  //# for i in 0..4
  a_stage[at + $iu] = value[$i];
  //# end
}

fn stage_b(quad: u32, value: Elem4) {
  if (quad >= B_QUADS) {
    return;
  }
  let at = quad / (B_WIDTH / 4u) * B_LINE + 4u * (quad % (B_WIDTH / 4u));
  //# for i in 0..4
  b_stage[at + $iu] = value[$i];
  //# end
}

// Where the matrix at a row or column and a step of k begins in its stage.
fn a_at(row: u32, k: u32) -> u32 {
  //# if A_TRANSPOSED
  return k * A_LINE + row;
  //# else
  return row * A_LINE + k;
  //# end
}

fn b_at(k: u32, column: u32) -> u32 {
  //# if B_TRANSPOSED
  return column * B_LINE + k;
  //# else
  return k * B_LINE + column;
  //# end
}

//# if CHOSEN_LANES
@compute @subgroup_size(LANES) @workgroup_size(INVOCATIONS)
//# else
@compute @workgroup_size(INVOCATIONS)
//# end
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
  @builtin(subgroup_id) subgroup: u32,
) {
  let number = group.y * groups.x + group.x;
  let across = (params.n + TILE_N - 1u) / TILE_N;
  let down = (params.m + TILE_M - 1u) / TILE_M;
  // Where this tile lies, across and down, and in which product or split.
  let workgroup = vec3<u32>(number % across, number / across % down, number / (across * down));
  if (workgroup.z >= params.batch * SPLITS) {
    return;
  }
  //# if SKIPS_SUMS
  let first = next_real(workgroup.z % SPLITS * params.split_k);
  //# else
  let first = workgroup.z % SPLITS * params.split_k;
  //# end
  var end = min(workgroup.z % SPLITS * params.split_k + params.split_k, params.k);
  //# if SKIPS_ROWS
  end = select(end, first, is_padding(workgroup.y * TILE_M, TILE_M));
  //# end
  // Subgroups with fewer than LANES lanes are more than there is work for; those left over only stage.
  let multiplies = subgroup < SUBGROUPS;
  let row0 = subgroup / WORKGROUP_X * ROWS;
  let column0 = subgroup % WORKGROUP_X * COLUMNS;

  //# for i in 0..TILES_DOWN
  //# for j in 0..TILES_ACROSS
  var c_$i_$j: Result;
  //# end
  //# end

  // Every invocation carries a few quads of each operand.
  //# for l in 0..A_LOADS
  var next_a_$l = load_a(invocation + $lu * INVOCATIONS, workgroup, first);
  //# end
  //# for l in 0..B_LOADS
  var next_b_$l = load_b(invocation + $lu * INVOCATIONS, workgroup, first);
  //# end
  var k = first;
  while (k < end) {
    //# if SKIPS_SUMS
    let following = next_real(k + DEPTH);
    //# else
    let following = k + DEPTH;
    //# end
    //# for l in 0..A_LOADS
    stage_a(invocation + $lu * INVOCATIONS, next_a_$l);
    //# end
    //# for l in 0..B_LOADS
    stage_b(invocation + $lu * INVOCATIONS, next_b_$l);
    //# end
    workgroupBarrier();
    if (following < end) {
      //# for l in 0..A_LOADS
      next_a_$l = load_a(invocation + $lu * INVOCATIONS, workgroup, following);
      //# end
      //# for l in 0..B_LOADS
      next_b_$l = load_b(invocation + $lu * INVOCATIONS, workgroup, following);
      //# end
    }
    if (multiplies) {
      for (var step = 0u; step < DEPTH; step += SIZE_K) {
        //# for i in 0..TILES_DOWN
        //# if A_TRANSPOSED
        let a_$i = subgroupMatrixLoad<Left, col_major>(&a_stage, a_at(row0 + $iu * SIZE_M, step), A_LINE);
        //# else
        let a_$i = subgroupMatrixLoad<Left, row_major>(&a_stage, a_at(row0 + $iu * SIZE_M, step), A_LINE);
        //# end
        //# end
        //# for j in 0..TILES_ACROSS
        //# if B_TRANSPOSED
        let b_$j = subgroupMatrixLoad<Right, col_major>(&b_stage, b_at(step, column0 + $ju * SIZE_N), B_LINE);
        //# else
        let b_$j = subgroupMatrixLoad<Right, row_major>(&b_stage, b_at(step, column0 + $ju * SIZE_N), B_LINE);
        //# end
        //# for i in 0..TILES_DOWN
        c_$i_$j = subgroupMatrixMultiplyAccumulate(a_$i, b_$j, c_$i_$j);
        //# end
        //# end
      }
    }
    workgroupBarrier();
    k = following;
  }

  // Each subgroup puts down one matrix, then all invocations store what lies there. The loop keeps the
  // common end, which may be long, to one copy.
  for (var tile = 0u; tile < TILES_M * TILES_N; tile++) {
    if (multiplies) {
      switch tile {
        //# for i in 0..TILES_DOWN
        //# for j in 0..TILES_ACROSS
        case $iu * TILES_N + $ju: {
          subgroupMatrixStore<row_major>(&results, subgroup * RESULT, c_$i_$j, SIZE_N);
        }
        //# end
        //# end
        default: {
        }
      }
    }
    workgroupBarrier();
    for (var at = 4u * invocation; at < SUBGROUPS * RESULT; at += 4u * INVOCATIONS) {
      let owner = at / RESULT;
      let column = workgroup.x * TILE_N + owner % WORKGROUP_X * COLUMNS + tile % TILES_N * SIZE_N +
        at % SIZE_N;
      store(
        workgroup.z,
        workgroup.y * TILE_M + owner / WORKGROUP_X * ROWS + tile / TILES_N * SIZE_M + at % RESULT / SIZE_N,
        column,
        vec4<f32>(results[at], results[at + 1u], results[at + 2u], results[at + 3u]),
        bias_of(column),
      );
    }
    workgroupBarrier();
  }
}
