// C = A·B, ended by matmul_store.wgsl or matmul_partial.wgsl.
//
// Matrix product for adapters with narrow subgroups, which run a subgroup in the lanes of one vector
// register and pay for every lane of a load (Mesa's llvmpipe, SwiftShader). Lanes stand side by side along
// n, so all of them need the same rows of A: SHARE lanes load SHARE rows, and broadcasts hand them round.
// Each invocation holds ROWS × (4 · QUADS) sums, ROWS = GROUPS · SHARE.
//
// SHARE is 4 or 8, no more than the least subgroup size. A split sums a multiple of four steps. No lane leaves
// early, since others wait for its broadcasts: columns past the edge are clamped, stores are guarded.
//
// Prelude: Elem4 QUADS GROUPS SHARE SHARE_QUADS WORKGROUP_X SPLITS A_TRANSPOSED B_TRANSPOSED K_TAIL (where k may
// end within four steps) SKIPS_ROWS.

@group(0) @binding(0) var<storage, read> a: array<Elem4>;
@group(0) @binding(1) var<storage, read> b: array<Elem4>;

const ROWS = GROUPS * SHARE;
const COLUMNS = 4u * QUADS;

@compute @workgroup_size(WORKGROUP_X)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let number = group.y * groups.x + group.x;
  let across = (params.n + COLUMNS * WORKGROUP_X - 1u) / (COLUMNS * WORKGROUP_X);
  let down = (params.m + ROWS - 1u) / ROWS;
  let place = number % (across * down);
  // Which product or split, and where the tile lies in it, across and down.
  let matrix = number / (across * down);
  let tile = select(
    vec2<u32>(place % across, place / across), vec2<u32>(place / down, place % down), params.goes_down == 1u);
  if (matrix >= params.batch * SPLITS) {
    return;
  }
  let row0 = tile.y * ROWS;
  let column0 = (tile.x * WORKGROUP_X + invocation) * COLUMNS;
  let a_base = matrix / SPLITS * ((params.m * params.k) / 4u);
  let b_base = matrix / SPLITS * ((params.k * params.n) / 4u);
  let first = matrix % SPLITS * params.split_k;
  var end = min(first + params.split_k, params.k);
  //# if SKIPS_ROWS
  end = select(end, first, is_padding(row0, ROWS));
  //# end
  let share = lane % SHARE;

  //# for g in 0..GROUPS
  //# for h in 0..SHARE_QUADS
  //# for r in 0..4
  //# for q in 0..QUADS
  var c_$g_$h_$r_$q = vec4<f32>();
  //# end
  //# end
  //# end
  //# end

  // Where this lane's part of A and its columns of B start, in vec4s.
  //# for g in 0..GROUPS
  //# if A_TRANSPOSED
  let a_$g = a_base + min((row0 + $gu * SHARE + share) / 4u, (params.m - 1u) / 4u) +
    share % 4u * (a_stride() / 4u);
  //# else
  let a_$g = a_base + min(row0 + $gu * SHARE + share, params.m - 1u) * (a_stride() / 4u);
  //# end
  //# end
  //# for q in 0..QUADS
  let column_$q = min(column0 + 4u * $qu, params.n - 4u);
  //# if B_TRANSPOSED
  let b_$q = b_base + column_$q * (b_stride() / 4u);
  //# else
  let b_$q = b_base + column_$q / 4u;
  //# end
  //# end

  for (var k = first; k + 4u <= end; k += 4u) {
    //# for q in 0..QUADS
    //# if B_TRANSPOSED
    let u0_$q = vec4<f32>(b[b_$q + k / 4u]);
    let u1_$q = vec4<f32>(b[b_$q + k / 4u + b_stride() / 4u]);
    let u2_$q = vec4<f32>(b[b_$q + k / 4u + 2u * (b_stride() / 4u)]);
    let u3_$q = vec4<f32>(b[b_$q + k / 4u + 3u * (b_stride() / 4u)]);
    let b0_$q = vec4<f32>(u0_$q.x, u1_$q.x, u2_$q.x, u3_$q.x);
    let b1_$q = vec4<f32>(u0_$q.y, u1_$q.y, u2_$q.y, u3_$q.y);
    let b2_$q = vec4<f32>(u0_$q.z, u1_$q.z, u2_$q.z, u3_$q.z);
    let b3_$q = vec4<f32>(u0_$q.w, u1_$q.w, u2_$q.w, u3_$q.w);
    //# else
    let b0_$q = vec4<f32>(b[b_$q + k * (b_stride() / 4u)]);
    let b1_$q = vec4<f32>(b[b_$q + (k + 1u) * (b_stride() / 4u)]);
    let b2_$q = vec4<f32>(b[b_$q + (k + 2u) * (b_stride() / 4u)]);
    let b3_$q = vec4<f32>(b[b_$q + (k + 3u) * (b_stride() / 4u)]);
    //# end
    //# end
    //# for g in 0..GROUPS
    //# if A_TRANSPOSED
    // A step of k in each lane of four, four rows in each vec4.
    let t_$g = vec4<f32>(a[a_$g + k * (a_stride() / 4u)]);
    //# for h in 0..SHARE_QUADS
    let s0_$g_$h = subgroupBroadcast(t_$g, 4u * $hu);
    let s1_$g_$h = subgroupBroadcast(t_$g, 4u * $hu + 1u);
    let s2_$g_$h = subgroupBroadcast(t_$g, 4u * $hu + 2u);
    let s3_$g_$h = subgroupBroadcast(t_$g, 4u * $hu + 3u);
    //# for r in 0..4
    //# for q in 0..QUADS
    c_$g_$h_$r_$q += s0_$g_$h[$r] * b0_$q + s1_$g_$h[$r] * b1_$q + s2_$g_$h[$r] * b2_$q +
      s3_$g_$h[$r] * b3_$q;
    //# end
    //# end
    //# end
    //# else
    // A row in each lane, four steps of k in each vec4.
    let t_$g = vec4<f32>(a[a_$g + k / 4u]);
    //# for h in 0..SHARE_QUADS
    //# for r in 0..4
    let s_$g_$h_$r = subgroupBroadcast(t_$g, 4u * $hu + $ru);
    //# for q in 0..QUADS
    c_$g_$h_$r_$q += s_$g_$h_$r.x * b0_$q + s_$g_$h_$r.y * b1_$q + s_$g_$h_$r.z * b2_$q +
      s_$g_$h_$r.w * b3_$q;
    //# end
    //# end
    //# end
    //# end
    //# end
  }
  //# if K_TAIL
  for (var k = end / 4u * 4u; k < end; k++) {
    //# for q in 0..QUADS
    let tail_$q = vec4<f32>(b[b_$q + k * (b_stride() / 4u)]);
    //# end
    //# for g in 0..GROUPS
    //# for h in 0..SHARE_QUADS
    let rows_$g_$h = min((row0 + $gu * SHARE) / 4u + $hu, (params.m - 1u) / 4u);
    let t_$g_$h = vec4<f32>(a[a_base + rows_$g_$h + k * (a_stride() / 4u)]);
    //# for r in 0..4
    //# for q in 0..QUADS
    c_$g_$h_$r_$q += t_$g_$h[$r] * tail_$q;
    //# end
    //# end
    //# end
    //# end
  }
  //# end

  //# for q in 0..QUADS
  let bias_$q = bias_of(column0 + 4u * $qu);
  //# end
  //# for g in 0..GROUPS
  //# for h in 0..SHARE_QUADS
  //# for r in 0..4
  //# for q in 0..QUADS
  store(
    matrix,
    row0 + $gu * SHARE + 4u * $hu + $ru,
    column0 + 4u * $qu,
    c_$g_$h_$r_$q,
    bias_$q,
  );
  //# end
  //# end
  //# end
  //# end
}
