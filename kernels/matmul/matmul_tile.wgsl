// Matrix product by register tiles: each invocation holds (4 · ROW_QUADS) × (4 · QUADS) sums in named
// registers and walks along k in steps of four. Operands come as vec4 along their contiguous axis, so
// that one bounds check serves four numbers. At the edges of the matrix, reads are clamped and only
// stores are guarded.
//
// Prelude: M N K, A_STRIDE B_STRIDE C_STRIDE (elements between stored rows), A_BATCH B_BATCH C_BATCH
// (elements between matrices), ALPHA, WORKGROUP_X WORKGROUP_Y. All strides and N are multiples of four;
// K is too, except where A is stored transposed and B is not.

const ROWS = 4u * ROW_QUADS;
const COLUMNS = 4u * QUADS;

const ACROSS = (N + COLUMNS * WORKGROUP_X - 1u) / (COLUMNS * WORKGROUP_X);
const DOWN = (M + ROWS * WORKGROUP_Y - 1u) / (ROWS * WORKGROUP_Y);

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
) {
  let number = group.y * groups.x + group.x;
  // Where this tile lies, across and down, and in which product or split.
  let workgroup = vec3<u32>(number % ACROSS, number / ACROSS % DOWN, number / (ACROSS * DOWN));
  if (workgroup.z >= BATCH) {
    return;
  }
  let row0 = (workgroup.y * WORKGROUP_Y + local.y) * ROWS;
  let column0 = (workgroup.x * WORKGROUP_X + local.x) * COLUMNS;
  if (row0 >= M || column0 >= N) {
    return;
  }
  let a_base = workgroup.z * (A_BATCH / 4u);
  let b_base = workgroup.z * (B_BATCH / 4u);

  //# for p in 0..ROW_QUADS
  //# for j in 0..4
  //# for q in 0..QUADS
  var c_$p_$j_$q = vec4<f32>();
  //# end
  //# end
  //# end

  // Where each row (or group of four columns) of A and of B starts, in vec4s.
  //# for p in 0..ROW_QUADS
  //# if A_TRANSPOSED
  let a_$p = a_base + min(row0 / 4u + $pu, (M - 1u) / 4u);
  //# end
  //# if A_STRAIGHT
  //# for j in 0..4
  let a_$p_$j = a_base + min(row0 + 4u * $pu + $ju, M - 1u) * (A_STRIDE / 4u);
  //# end
  //# end
  //# end
  //# for q in 0..QUADS
  let column_$q = min(column0 + 4u * $qu, N - 4u);
  //# if B_TRANSPOSED
  let b_$q = b_base + column_$q * (B_STRIDE / 4u);
  //# end
  //# if B_STRAIGHT
  let b_$q = b_base + column_$q / 4u;
  //# end
  //# end

  for (var k = 0u; k + 4u <= K; k += 4u) {
    //# for q in 0..QUADS
    //# if B_TRANSPOSED
    let u0_$q = vec4<f32>(b[b_$q + k / 4u]);
    let u1_$q = vec4<f32>(b[b_$q + k / 4u + B_STRIDE / 4u]);
    let u2_$q = vec4<f32>(b[b_$q + k / 4u + 2u * (B_STRIDE / 4u)]);
    let u3_$q = vec4<f32>(b[b_$q + k / 4u + 3u * (B_STRIDE / 4u)]);
    let b0_$q = vec4<f32>(u0_$q.x, u1_$q.x, u2_$q.x, u3_$q.x);
    let b1_$q = vec4<f32>(u0_$q.y, u1_$q.y, u2_$q.y, u3_$q.y);
    let b2_$q = vec4<f32>(u0_$q.z, u1_$q.z, u2_$q.z, u3_$q.z);
    let b3_$q = vec4<f32>(u0_$q.w, u1_$q.w, u2_$q.w, u3_$q.w);
    //# end
    //# if B_STRAIGHT
    let b0_$q = vec4<f32>(b[b_$q + k * (B_STRIDE / 4u)]);
    let b1_$q = vec4<f32>(b[b_$q + (k + 1u) * (B_STRIDE / 4u)]);
    let b2_$q = vec4<f32>(b[b_$q + (k + 2u) * (B_STRIDE / 4u)]);
    let b3_$q = vec4<f32>(b[b_$q + (k + 3u) * (B_STRIDE / 4u)]);
    //# end
    //# end
    //# for p in 0..ROW_QUADS
    //# if A_TRANSPOSED
    let t0_$p = vec4<f32>(a[a_$p + k * (A_STRIDE / 4u)]);
    let t1_$p = vec4<f32>(a[a_$p + (k + 1u) * (A_STRIDE / 4u)]);
    let t2_$p = vec4<f32>(a[a_$p + (k + 2u) * (A_STRIDE / 4u)]);
    let t3_$p = vec4<f32>(a[a_$p + (k + 3u) * (A_STRIDE / 4u)]);
    //# end
    //# for j in 0..4
    //# if A_TRANSPOSED
    let a$p$j = vec4<f32>(t0_$p[$j], t1_$p[$j], t2_$p[$j], t3_$p[$j]);
    //# end
    //# if A_STRAIGHT
    let a$p$j = vec4<f32>(a[a_$p_$j + k / 4u]);
    //# end
    //# for q in 0..QUADS
    c_$p_$j_$q += a$p$j.x * b0_$q + a$p$j.y * b1_$q + a$p$j.z * b2_$q + a$p$j.w * b3_$q;
    //# end
    //# end
    //# end
  }
  //# if K_TAIL
  for (var k = K / 4u * 4u; k < K; k++) {
    //# for q in 0..QUADS
    let tail_$q = vec4<f32>(b[b_$q + k * (B_STRIDE / 4u)]);
    //# end
    //# for p in 0..ROW_QUADS
    let t_$p = vec4<f32>(a[a_$p + k * (A_STRIDE / 4u)]);
    //# for j in 0..4
    //# for q in 0..QUADS
    c_$p_$j_$q += t_$p[$j] * tail_$q;
    //# end
    //# end
    //# end
  }
  //# end

  //# for q in 0..QUADS
  let bias_$q = bias_of(column0 + 4u * $qu);
  //# end
  //# for p in 0..ROW_QUADS
  //# for j in 0..4
  //# for q in 0..QUADS
  store(workgroup.z, row0 + 4u * $pu + $ju, column0 + 4u * $qu, c_$p_$j_$q, bias_$q);
  //# end
  //# end
  //# end
}
