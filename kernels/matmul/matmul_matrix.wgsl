// Matrix product by subgroup matrices: a workgroup, which is one subgroup, holds TILES_M × TILES_N result
// matrices of SIZE_M × SIZE_N and walks k in steps of SIZE_K. Results pass through workgroup memory to the common end of all
// products, four columns an invocation. `Left`, `Right` and `Result` are the matrix types, A_MAJOR and
// B_MAJOR the order in which factors are stored.
//
// Prelude: as in matmul_tile.wgsl, with LANES (the most that a subgroup may have).

const ROWS = TILES_M * SIZE_M;
const COLUMNS = TILES_N * SIZE_N;

var<workgroup> staged: array<f32, ROWS * COLUMNS>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let column0 = group.x * COLUMNS;
  let row0 = group.y * ROWS;
  //# for i in 0..TILES_M
  //# for j in 0..TILES_N
  var c_$i_$j: Result;
  //# end
  //# end
  for (var k = 0u; k < K; k += SIZE_K) {
    //# for i in 0..TILES_M
    let a_$i = subgroupMatrixLoad<Left, A_MAJOR>(
      &a, (row0 + $iu * SIZE_M) * A_ROW + k * A_K, A_STRIDE);
    //# end
    //# for j in 0..TILES_N
    let b_$j = subgroupMatrixLoad<Right, B_MAJOR>(
      &b, k * B_K + (column0 + $ju * SIZE_N) * B_COLUMN, B_STRIDE);
    //# end
    //# for i in 0..TILES_M
    //# for j in 0..TILES_N
    c_$i_$j = subgroupMatrixMultiplyAccumulate(a_$i, b_$j, c_$i_$j);
    //# end
    //# end
  }
  //# for i in 0..TILES_M
  //# for j in 0..TILES_N
  subgroupMatrixStore<row_major>(
    &staged, $iu * SIZE_M * COLUMNS + $ju * SIZE_N, c_$i_$j, COLUMNS);
  //# end
  //# end
  workgroupBarrier();
  for (var quad = local; quad < ROWS * COLUMNS / 4u; quad += LANES) {
    let at = 4u * quad;
    let row = row0 + at / COLUMNS;
    let sum = vec4<f32>(staged[at], staged[at + 1u], staged[at + 2u], staged[at + 3u]);
    let column = column0 + at % COLUMNS;
    store(0u, row, column, sum, bias_of(column));
  }
}
