// What the attention kernels for narrow subgroups share. Adapters with subgroups of 4 or 8 lanes run a
// subgroup in the lanes of one vector register and pay for every lane of a load, so here SHARE lanes
// (one workgroup) load a row together and hand it round by broadcasts.
//
// "Across" a row means that lane l holds its quads l · LANE_QUADS + w, w < LANE_QUADS. Where HEAD_SIZE does
// not fill all lanes, quads past the end are clamped on loading and count for nothing, since the other
// factor is 0 there.
//
// Prelude: QUADS (of a head) LANE_QUADS (of a head in each lane).

// The vec4 of a row at which lane `lane` finds its quad `w`.
fn quad_across(lane: u32, w: u32) -> u32 {
  return min(lane * LANE_QUADS + w, QUADS - 1u);
}

// 1 for quads that exist, 0 for those past the end of a row.
fn exists(quad: u32) -> f32 {
  return select(0.0, 1.0, quad < QUADS);
}
