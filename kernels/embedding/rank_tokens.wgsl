// Sorts tokens by id, stably: each invocation counts the tokens that go before its own. Quadratic in the
// number of tokens, yet a thousandth of a training step's work, and the same on every run.
//
// Prelude: VOCABULARY.

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
