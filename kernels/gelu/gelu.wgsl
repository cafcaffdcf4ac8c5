// GELU with the exact error function: x · Φ(x), Φ the normal distribution function (Hendrycks and
// Gimpel, 2016). erf by Abramowitz and Stegun 7.1.26: absolute error below 1.5e-7 in exact arithmetic,
// below 5e-7 in f32.
fn erf(x: f32) -> f32 {
  let t = 1.0 / (1.0 + 0.3275911 * abs(x));
  let series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t +
    0.254829592) * t;
  return sign(x) * (1.0 - series * exp(-x * x));
}

fn gelu(x: f32) -> f32 {
  return 0.5 * x * (1.0 + erf(x * 0.70710678));
}

// Φ(x) + x φ(x)
fn gelu_derivative(x: f32) -> f32 {
  return 0.5 * (1.0 + erf(x * 0.70710678)) + x * 0.39894228 * exp(-0.5 * x * x);
}
