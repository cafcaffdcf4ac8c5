// word[id] + position[place] + type[segment], one invocation an element. Ids past a table are clamped.
//
// Prelude: Elem COLUMNS VOCABULARY TYPES.

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
