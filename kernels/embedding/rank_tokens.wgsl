// sortedIds[rank(t)] = ids[t], order[rank(t)] = t, with rank(t) = #{u: ids[u] < ids[t], or equal and u < t}.
//
// Sorts tokens by id, stably: each invocation counts the tokens that go before its own. Quadratic in the
// number of tokens, yet a thousandth of a training step's work, and the same on every run.
//
// Prelude: VOCABULARY.

@group(0) @binding(0) var<storage, read> ids: array<u32>;
@group(0) @binding(1) var<storage, read_write> sortedIds: array<u32>; // written whole
@group(0) @binding(2) var<storage, read_write> order: array<u32>; // written whole
@group(0) @binding(3) var<uniform> params: Params;

struct Params {
  tokens: u32,
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let token = (group.y * groups.x + group.x) * 64u + local;
  if (token >= params.tokens) {
    return;
  }
  let own = ids[token];
  var rank = 0u;
  // The same `other` in all invocations, so that they load it together.
  for (var other = 0u; other < params.tokens; other++) {
    rank += u32(ids[other] < own + u32(other < token));
  }
  sortedIds[rank] = min(own, VOCABULARY - 1u);
  order[rank] = token;
}
