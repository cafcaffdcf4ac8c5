// output[t] = word[ids[t]] + position[t % sequence] + type[typeIds[t]].
//
// One invocation an element. Ids past a table are clamped.
//
// Prelude: Elem COLUMNS VOCABULARY TYPES.

@group(0) @binding(0) var<storage, read> ids: array<u32>;
@group(0) @binding(1) var<storage, read> typeIds: array<u32>;
@group(0) @binding(2) var<storage, read> wordTable: array<f32>;
@group(0) @binding(3) var<storage, read> positionTable: array<f32>;
@group(0) @binding(4) var<storage, read> typeTable: array<f32>;
@group(0) @binding(5) var<storage, read_write> output: array<Elem>; // written whole
@group(0) @binding(6) var<uniform> params: Params;

struct Params {
  tokens: u32,
  sequence: u32,
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + local;
  if (i >= params.tokens * COLUMNS) {
    return;
  }
  let token = i / COLUMNS;
  let column = i % COLUMNS;
  let word = min(ids[token], VOCABULARY - 1u);
  let segment = min(typeIds[token], TYPES - 1u);
  output[i] = Elem(wordTable[word * COLUMNS + column] +
    positionTable[(token % params.sequence) * COLUMNS + column] + typeTable[segment * COLUMNS + column]);
}
