// GELU with the exact error function: x · Φ(x), Φ the normal distribution function (Hendrycks and
// Gimpel, 2016). Φ by Abramowitz and Stegun 7.1.26, from its smaller tail: absolute error below 1e-7 in
// exact arithmetic, below 3e-7 in f32. One exponential serves function and derivative.

// Φ(x), given density = exp(−x² / 2).
fn normal_distribution(x: f32, density: f32) -> f32 {
  let t = 1.0 / (1.0 + 0.23164189 * abs(x));
  let series = ((((0.530702715 * t - 0.726576014) * t + 0.710706871) * t - 0.142248368) * t +
    0.127414796) * t;
  let tail = series * density;
  return select(tail, 1.0 - tail, x >= 0.0);
}

fn gelu(x: f32) -> f32 {
  return x * normal_distribution(x, exp(-0.5 * x * x));
}

// Φ(x) + x φ(x)
fn gelu_derivative(x: f32) -> f32 {
  let density = exp(-0.5 * x * x);
  return normal_distribution(x, density) + 0.39894228 * x * density;
}
