// C = A·B, ended by matmul_store.wgsl or matmul_partial.wgsl.
//
// Matrix product for GPUs: a workgroup stages DEPTH steps of k of its TILE_M × TILE_N part of C in
// workgroup memory, and each invocation multiplies (4 · ROW_QUADS) × (4 · QUADS) sums from there. While
// one stage is multiplied, the next is on its way from memory into registers.
//
// Both operands are staged k by k, as vec4s along m and along n. They come in blocks of 4 × 4, which are
// turned in registers where they are stored along k. Quads are swizzled (see `slot`) so that neither the
// stores of a turned block nor the loads of a row meet in one bank. At the edges of the matrix, reads are
// clamped and only stores are guarded; past the end of k, zeros are staged.
//
// A split sums a multiple of DEPTH steps. k need be a multiple of four only where an operand is stored along k.
//
// Prelude: Elem4 TILE_M TILE_N DEPTH ROW_QUADS QUADS WORKGROUP_X WORKGROUP_Y SPLITS LOADS (of an invocation)
// A_TRANSPOSED B_TRANSPOSED K_EDGE K_TAIL (where k may end within a stage, within four steps) SKIPS_ROWS
// SKIPS_SUMS.

@group(0) @binding(0) var<storage, read> a: array<Elem4>;
@group(0) @binding(1) var<storage, read> b: array<Elem4>;

const TILE_ROW_QUADS = TILE_M / 4u;
const TILE_QUADS = TILE_N / 4u;
const DEPTH_QUADS = DEPTH / 4u;
const A_BLOCKS = TILE_ROW_QUADS * DEPTH_QUADS;
const BLOCKS = A_BLOCKS + TILE_QUADS * DEPTH_QUADS;
const INVOCATIONS = WORKGROUP_X * WORKGROUP_Y;

var<workgroup> a_stage: array<array<vec4<f32>, TILE_ROW_QUADS>, DEPTH>;
var<workgroup> b_stage: array<array<vec4<f32>, TILE_QUADS>, DEPTH>;

// Where quad number `quad` of step k is staged; a step has a multiple of eight quads.
fn slot(k: u32, quad: u32) -> u32 {
  return quad ^ (k / 4u % DEPTH_QUADS * (8u / DEPTH_QUADS));
}

// Four steps of k of four rows of A, or of four columns of B, as one vec4 a step.
fn a_block(base: u32, quad: u32, k: u32) -> mat4x4<f32> {
  //# if K_EDGE
  if (k >= params.k) {
    return mat4x4<f32>();
  }
  //# end
  //# if A_TRANSPOSED
  let at = base + min(quad, (params.m - 1u) / 4u) + k * (a_stride() / 4u);
  return mat4x4<f32>(
    vec4<f32>(a[at]),
    //# for i in 0..3
    //# if K_TAIL
    select(vec4<f32>(), vec4<f32>(a[at + min($iu + 1u, params.k - 1u - k) * (a_stride() / 4u)]), k + $iu + 1u < params.k),
    //# else
    vec4<f32>(a[at + ($iu + 1u) * (a_stride() / 4u)]),
    //# end
    //# end
  );
  //# else
  let at = base + k / 4u;
  return transpose(mat4x4<f32>(
    //# for i in 0..4
    vec4<f32>(a[at + min(4u * quad + $iu, params.m - 1u) * (a_stride() / 4u)]),
    //# end
  ));
  //# end
}

fn b_block(base: u32, quad: u32, k: u32) -> mat4x4<f32> {
  //# if K_EDGE
  if (k >= params.k) {
    return mat4x4<f32>();
  }
  //# end
  //# if B_TRANSPOSED
  let at = base + 4u * min(quad, params.n / 4u - 1u) * (b_stride() / 4u) + k / 4u;
  return transpose(mat4x4<f32>(
    //# for i in 0..4
    vec4<f32>(b[at + $iu * (b_stride() / 4u)]),
    //# end
  ));
  //# else
  let at = base + min(quad, params.n / 4u - 1u) + k * (b_stride() / 4u);
  return mat4x4<f32>(
    vec4<f32>(b[at]),
    //# for i in 0..3
    //# if K_TAIL
    select(vec4<f32>(), vec4<f32>(b[at + min($iu + 1u, params.k - 1u - k) * (b_stride() / 4u)]), k + $iu + 1u < params.k),
    //# else
    vec4<f32>(b[at + ($iu + 1u) * (b_stride() / 4u)]),
    //# end
    //# end
  );
  //# end
}

// The quad and the group of four steps that a block holds; neighbours lie side by side in memory.
fn a_place(number: u32) -> vec2<u32> {
  //# if A_TRANSPOSED
  return vec2<u32>(number % TILE_ROW_QUADS, number / TILE_ROW_QUADS);
  //# else
  return vec2<u32>(number / DEPTH_QUADS, number % DEPTH_QUADS);
  //# end
}

fn b_place(number: u32) -> vec2<u32> {
  //# if B_TRANSPOSED
  return vec2<u32>(number / DEPTH_QUADS, number % DEPTH_QUADS);
  //# else
  return vec2<u32>(number % TILE_QUADS, number / TILE_QUADS);
  //# end
}

// Blocks are numbered A first, then B; a number past the last is no block.
fn load(number: u32, workgroup: vec3<u32>, k: u32) -> mat4x4<f32> {
  let matrix = workgroup.z / SPLITS;
  if (number < A_BLOCKS) {
    let place = a_place(number);
    return a_block(matrix * ((params.m * params.k) / 4u), workgroup.y * TILE_ROW_QUADS + place.x, k + 4u * place.y);
  }
  if (number >= BLOCKS) {
    return mat4x4<f32>();
  }
  let place = b_place(number - A_BLOCKS);
  return b_block(matrix * ((params.k * params.n) / 4u), workgroup.x * TILE_QUADS + place.x, k + 4u * place.y);
}

fn stage(number: u32, block: mat4x4<f32>) {
  if (number < A_BLOCKS) {
    let place = a_place(number);
    //# for i in 0..4
    a_stage[4u * place.y + $iu][slot(4u * place.y, place.x)] = block[$i];
    //# end
    return;
  }
  if (number >= BLOCKS) {
    return;
  }
  let place = b_place(number - A_BLOCKS);
  //# for i in 0..4
  b_stage[4u * place.y + $iu][slot(4u * place.y, place.x)] = block[$i];
  //# end
}

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
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

  //# for p in 0..ROW_QUADS
  //# for j in 0..4
  //# for q in 0..QUADS
  var c_$p_$j_$q = vec4<f32>();
  //# end
  //# end
  //# end

  // Every invocation carries up to LOADS blocks.
  //# for l in 0..LOADS
  var next_$l = load(invocation + $lu * INVOCATIONS, workgroup, first);
  //# end
  var k = first;
  while (k < end) {
    //# if SKIPS_SUMS
    let following = next_real(k + DEPTH);
    //# else
    let following = k + DEPTH;
    //# end
    //# for l in 0..LOADS
    stage(invocation + $lu * INVOCATIONS, next_$l);
    //# end
    workgroupBarrier();
    if (following < end) {
      //# for l in 0..LOADS
      next_$l = load(invocation + $lu * INVOCATIONS, workgroup, following);
      //# end
    }
    // The factors of a step are loaded while those of the step before are multiplied.
    //# for q in 0..QUADS
    var b_$q = b_stage[0][slot(0u, local.x + $qu * WORKGROUP_X)];
    //# end
    //# for p in 0..ROW_QUADS
    var a_$p = a_stage[0][slot(0u, local.y + $pu * WORKGROUP_Y)];
    //# end
    //# for s in 0..DEPTH
    //# for q in 0..QUADS
    let b_$s_$q = b_stage[($su + 1u) % DEPTH][slot(($su + 1u) % DEPTH, local.x + $qu * WORKGROUP_X)];
    //# end
    //# for p in 0..ROW_QUADS
    let a_$s_$p = a_stage[($su + 1u) % DEPTH][slot(($su + 1u) % DEPTH, local.y + $pu * WORKGROUP_Y)];
    //# end
    //# for p in 0..ROW_QUADS
    //# for j in 0..4
    //# for q in 0..QUADS
    c_$p_$j_$q += a_$p[$j] * b_$q;
    //# end
    //# end
    a_$p = a_$s_$p;
    //# end
    //# for q in 0..QUADS
    b_$q = b_$s_$q;
    //# end
    //# end
    workgroupBarrier();
    k = following;
  }

  //# for q in 0..QUADS
  let bias_$q = bias_of(workgroup.x * TILE_N + 4u * (local.x + $qu * WORKGROUP_X));
  //# end
  //# for p in 0..ROW_QUADS
  //# for j in 0..4
  //# for q in 0..QUADS
  store(
    workgroup.z,
    workgroup.y * TILE_M + 4u * (local.y + $pu * WORKGROUP_Y) + $ju,
    workgroup.x * TILE_N + 4u * (local.x + $qu * WORKGROUP_X),
    c_$p_$j_$q,
    bias_$q,
  );
  //# end
  //# end
  //# end
}
