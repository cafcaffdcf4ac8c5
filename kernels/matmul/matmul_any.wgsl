// C = epilogue(A·B + bias) (+ C), or with SPLIT partials[s] = A·B over the s-th part of k.
//
// Matrix product for shapes that do not fall into vec4s: odd widths. Each invocation makes
// four rows by four columns; reads are clamped into the matrix, stores are guarded.
//
// Prelude: Elem Output (elements in storage) WORKGROUP_X WORKGROUP_Y SPLITS SPLIT (whether there are several) BIAS
// GELU GELU_BACKWARD ACCUMULATE.

@group(0) @binding(0) var<storage, read> a: array<Elem>;
@group(0) @binding(1) var<storage, read> b: array<Elem>;
//# if SPLIT
@group(0) @binding(3) var<storage, read_write> partials: array<f32>; // written whole
//# else
//# if BIAS
@group(0) @binding(4) var<storage, read> bias: array<f32>;
//# end
//# if GELU
@group(0) @binding(5) var<storage, read_write> derivative: array<Elem>; // written whole
//# end
//# if GELU_BACKWARD
@group(0) @binding(5) var<storage, read> derivative: array<Elem>;
//# end
@group(0) @binding(6) var<storage, read_write> c: array<Output>; // written whole unless ACCUMULATE
//# end

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
) {
  let number = group.y * groups.x + group.x;
  let across = (params.n + 4u * WORKGROUP_X - 1u) / (4u * WORKGROUP_X);
  let down = (params.m + 4u * WORKGROUP_Y - 1u) / (4u * WORKGROUP_Y);
  // Where this tile lies, across and down, and in which product or split.
  let workgroup = vec3<u32>(number % across, number / across % down, number / (across * down));
  if (workgroup.z >= params.batch * SPLITS) {
    return;
  }
  let row0 = (workgroup.y * WORKGROUP_Y + local.y) * 4u;
  let column0 = (workgroup.x * WORKGROUP_X + local.x) * 4u;
  if (row0 >= params.m || column0 >= params.n) {
    return;
  }
  //# for i in 0..4
  var c_$i = vec4<f32>();
  let a_$i = workgroup.z / SPLITS * (params.m * params.k) + min(row0 + $iu, params.m - 1u) * a_row();
  let b_$i = workgroup.z / SPLITS * (params.k * params.n) + min(column0 + $iu, params.n - 1u) * b_column();
  //# end
  let first = workgroup.z % SPLITS * params.split_k;
  for (var k = first; k < min(first + params.split_k, params.k); k++) {
    let bs = vec4<f32>(
      f32(b[b_0 + k * b_k()]), f32(b[b_1 + k * b_k()]), f32(b[b_2 + k * b_k()]), f32(b[b_3 + k * b_k()]));
    //# for i in 0..4
    c_$i += f32(a[a_$i + k * a_k()]) * bs;
    //# end
  }
  //# for i in 0..4
  //# for j in 0..4
  store(workgroup.z, row0 + $iu, column0 + $ju, c_$i[$j]);
  //# end
  //# end
}

fn store(matrix: u32, row: u32, column: u32, sum: f32) {
  if (row >= params.m || column >= params.n) {
    return;
  }
  //# if SPLIT
  partials[(matrix * params.m + row) * params.n + column] = sum;
  //# else
  let at = matrix * (params.m * params.n) + row * params.n + column;
  var value = sum;
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
