// Matrix product for shapes that do not fall into vec4s: odd strides, odd widths. Each invocation makes
// four rows by four columns; reads are clamped into the matrix, stores are guarded.
//
// Prelude: as in matmul_tile.wgsl, with A_ROW A_K B_K B_COLUMN: elements between neighbours along
// each axis, which covers every layout; SPLITS and SPLIT_K as in matmul_workgroup.wgsl.

const ACROSS = (N + 4u * WORKGROUP_X - 1u) / (4u * WORKGROUP_X);
const DOWN = (M + 4u * WORKGROUP_Y - 1u) / (4u * WORKGROUP_Y);

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
) {
  let number = group.y * groups.x + group.x;
  // Where this tile lies, across and down, and in which product or split.
  let workgroup = vec3<u32>(number % ACROSS, number / ACROSS % DOWN, number / (ACROSS * DOWN));
  if (workgroup.z >= BATCH * SPLITS) {
    return;
  }
  let row0 = (workgroup.y * WORKGROUP_Y + local.y) * 4u;
  let column0 = (workgroup.x * WORKGROUP_X + local.x) * 4u;
  if (row0 >= M || column0 >= N) {
    return;
  }
  //# for i in 0..4
  var c_$i = vec4<f32>();
  let a_$i = workgroup.z / SPLITS * A_BATCH + min(row0 + $iu, M - 1u) * A_ROW;
  let b_$i = workgroup.z / SPLITS * B_BATCH + min(column0 + $iu, N - 1u) * B_COLUMN;
  //# end
  let first = workgroup.z % SPLITS * SPLIT_K;
  for (var k = first; k < min(first + SPLIT_K, K); k++) {
    let bs = vec4<f32>(
      f32(b[b_0 + k * B_K]), f32(b[b_1 + k * B_K]), f32(b[b_2 + k * B_K]), f32(b[b_3 + k * B_K]));
    //# for i in 0..4
    c_$i += f32(a[a_$i + k * A_K]) * bs;
    //# end
  }
  //# for i in 0..4
  //# for j in 0..4
  store(workgroup.z, row0 + $iu, column0 + $ju, c_$i[$j]);
  //# end
  //# end
}

fn store(matrix: u32, row: u32, column: u32, sum: f32) {
  if (row >= M || column >= N) {
    return;
  }
  //# if SPLIT
  partials[(matrix * M + row) * N + column] = sum;
  //# end
  //# if WHOLE
  let at = matrix * C_BATCH + row * C_STRIDE + column;
  var value = ALPHA * sum;
  //# if BIAS
  value += bias[column];
  //# end
  //# if GELU
  let both = gelu(value);
  value = both.x;
  derivative[at] = Elem(both.y);
  //# end
  //# if GELU_BACKWARD
  value *= f32(derivative[at]);
  //# end
  //# if ACCUMULATE
  value += f32(c[at]);
  //# end
  c[at] = Output(value);
  //# end
}
