// Softmax cross-entropy of rows of logits, a row a workgroup:
//
//     loss[r] = logSumExp[r] − x[r, labels[r]],   logSumExp[r] = log Σ_c exp(x[r, c])
//
// Rows may lie interleaved: x[r, c] with r = b·groups + g is logits[(b·columns + c)·groups + g]. So the two logits
// that a reading model gives each token are two rows over the tokens of their sequence.

struct Params {
  rows: u32,
  columns: u32,
  groups: u32,
}

const WIDTH = 64u;

var<workgroup> partials: array<f32, WIDTH>;

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) {
    return;
  }
  let base = row / params.groups * params.columns * params.groups + row % params.groups;
  var greatest = -3.4e38;
  for (var c = local; c < params.columns; c += WIDTH) {
    greatest = max(greatest, logits[base + c * params.groups]);
  }
  partials[local] = greatest;
  workgroupBarrier();
  for (var i = 0u; i < WIDTH; i++) {
    greatest = max(greatest, partials[i]);
  }
  workgroupBarrier();
  var sum = 0.0;
  for (var c = local; c < params.columns; c += WIDTH) {
    sum += exp(logits[base + c * params.groups] - greatest);
  }
  partials[local] = sum;
  workgroupBarrier();
  if (local > 0u) {
    return;
  }
  var total = 0.0;
  for (var i = 0u; i < WIDTH; i++) {
    total += partials[i];
  }
  let lse = greatest + log(total);
  logSumExp[row] = lse;
  loss[row] = lse - logits[base + labels[row] * params.groups];
}
