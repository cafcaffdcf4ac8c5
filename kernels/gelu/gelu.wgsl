// GELU with the exact error function: x · Φ(x), Φ the normal distribution function (Hendrycks and
// Gimpel, 2016). Φ by Abramowitz and Stegun 7.1.26, from its smaller tail: absolute error below 1e-7 in
// exact arithmetic, below 3e-7 in f32. One exponential serves function and derivative.
//
// Prelude: none.

// Φ(x), given density = exp(−x² / 2).
fn normal_distribution(x: f32, density: f32) -> f32 {
  let t = 1.0 / (1.0 + 0.23164189 * abs(x));
  let series = ((((0.530702715 * t - 0.726576014) * t + 0.710706871) * t - 0.142248368) * t +
    0.127414796) * t;
  let tail = series * density;
  return select(tail, 1.0 - tail, x >= 0.0);
}

// x · Φ(x), and its derivative Φ(x) + x · φ(x).
fn gelu(x: f32) -> vec2<f32> {
  let density = exp(-0.5 * x * x);
  let distribution = normal_distribution(x, density);
  return vec2<f32>(x * distribution, distribution + 0.39894228 * x * density);
}
