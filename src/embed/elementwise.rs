//! What a transformer does between its products, a register at a time: softmax, GELU, layer norm, mean, unit length.

use pulp::{Arch, Simd, WithSimd};

/// `e` to the power of each lane, within 2 units in the last place; lanes below -87 give the least normal number.
///
/// Cephes' `expf`: the power of two by the exponent's bits, the rest by a polynomial.
#[inline(always)]
pub fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let splat = |value| simd.splat_f32s(value);
    let x = simd.min_f32s(simd.max_f32s(x, splat(-87.0)), splat(88.0));
    // Adding 1.5 · 2²³ rounds to a whole number and leaves it in the low bits.
    let magic = splat(12_582_912.0);
    let shifted = simd.mul_add_e_f32s(x, splat(std::f32::consts::LOG2_E), magic);
    let whole = simd.sub_f32s(shifted, magic);
    let rest = simd.mul_add_e_f32s(whole, splat(-0.693_359_4), x);
    let rest = simd.mul_add_e_f32s(whole, splat(2.121_944_4e-4), rest);
    let mut sum = splat(1.987_569_1e-4);
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5e-1] {
        sum = simd.mul_add_e_f32s(sum, rest, splat(coefficient));
    }
    let sum = simd.add_f32s(simd.mul_add_e_f32s(sum, simd.mul_f32s(rest, rest), rest), splat(1.0));
    let exponent = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(sum), exponent))
}

/// `x · Φ(x)`, the exact GELU of BERT, with the error function of Abramowitz and Stegun 7.1.26 (error at most 1.5e-7).
#[inline(always)]
pub fn gelu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let splat = |value| simd.splat_f32s(value);
    let z = simd.mul_f32s(simd.abs_f32s(x), splat(std::f32::consts::FRAC_1_SQRT_2));
    let t = simd.div_f32s(splat(1.0), simd.mul_add_e_f32s(z, splat(0.327_591_1), splat(1.0)));
    let mut sum = splat(1.061_405_4);
    for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        sum = simd.mul_add_e_f32s(sum, t, splat(coefficient));
    }
    // erfc(|x|/√2) / 2
    let tail = simd.mul_f32s(simd.mul_f32s(sum, t), exp(simd, simd.neg_f32s(simd.mul_f32s(z, z))));
    let tail = simd.mul_f32s(tail, splat(0.5));
    // max(x, 0) - |x| · tail is x · Φ(x) on both sides of zero.
    simd.sub_f32s(simd.max_f32s(x, splat(0.0)), simd.mul_f32s(simd.abs_f32s(x), tail))
}

/// Replaces the first `columns` values of each row by their softmax, and what is left of the row by zeros.
pub fn softmax(arch: Arch, values: &mut [f32], stride: usize, columns: usize) {
    arch.dispatch(Softmax { values, stride, columns });
}

struct Softmax<'a> {
    values: &'a mut [f32],
    stride: usize,
    columns: usize,
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for row in self.values.chunks_exact_mut(self.stride) {
            // A lane that holds no value must not win the maximum and must add nothing to the sum.
            row[self.columns..].fill(f32::MIN);
            let (lanes, rest) = S::as_mut_simd_f32s(row);
            debug_assert!(rest.is_empty(), "a row is a whole number of registers");
            let largest = lanes.iter().fold(simd.splat_f32s(f32::MIN), |largest, x| simd.max_f32s(largest, *x));
            let largest = simd.splat_f32s(simd.reduce_max_f32s(largest));
            let mut sum = simd.splat_f32s(0.0);
            for x in lanes.iter_mut() {
                *x = exp(simd, simd.sub_f32s(*x, largest));
                sum = simd.add_f32s(sum, *x);
            }
            let scale = simd.splat_f32s(1.0 / simd.reduce_sum_f32s(sum));
            for x in lanes {
                *x = simd.mul_f32s(*x, scale);
            }
            row[self.columns..].fill(0.0);
        }
    }
}

/// Layer norm's learnt scale and shift.
pub struct Norm {
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
    pub epsilon: f32,
}

impl Norm {
    /// Adds `more` to `values` and brings each row to mean 0 and variance 1, then to the learnt scale and shift.
    pub fn add(&self, arch: Arch, values: &mut [f32], more: &[f32]) {
        arch.dispatch(AddNorm { norm: self, values, more });
    }
}

struct AddNorm<'a> {
    norm: &'a Norm,
    values: &'a mut [f32],
    more: &'a [f32],
}

impl WithSimd for AddNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.norm.scale.len();
        let (scale, rest) = S::as_simd_f32s(&self.norm.scale);
        assert!(rest.is_empty(), "the model's width is a whole number of registers");
        let shift = S::as_simd_f32s(&self.norm.shift).0;
        let part = simd.splat_f32s(1.0 / width as f32);
        for (row, more) in self.values.chunks_exact_mut(width).zip(self.more.chunks_exact(width)) {
            let row = S::as_mut_simd_f32s(row).0;
            let more = S::as_simd_f32s(more).0;
            let mut sum = simd.splat_f32s(0.0);
            for (x, y) in row.iter_mut().zip(more) {
                *x = simd.add_f32s(*x, *y);
                sum = simd.add_f32s(sum, *x);
            }
            let mean = simd.mul_f32s(simd.splat_f32s(simd.reduce_sum_f32s(sum)), part);
            let mut squares = simd.splat_f32s(0.0);
            for x in row.iter_mut() {
                *x = simd.sub_f32s(*x, mean);
                squares = simd.mul_add_e_f32s(*x, *x, squares);
            }
            let variance = simd.reduce_sum_f32s(squares) / width as f32;
            let factor = simd.splat_f32s(1.0 / (variance + self.norm.epsilon).sqrt());
            for ((x, scale), shift) in row.iter_mut().zip(scale).zip(shift) {
                *x = simd.mul_add_e_f32s(simd.mul_f32s(*x, factor), *scale, *shift);
            }
        }
    }
}

/// The mean of the rows, scaled to length 1; the zero vector stays what it is.
pub fn mean_of_unit_length(rows: &[f32], width: usize) -> Vec<f32> {
    let mut mean = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        for (sum, value) in mean.iter_mut().zip(row) {
            *sum += value;
        }
    }
    scale_to_unit_length(&mut mean);
    mean
}

pub fn scale_to_unit_length(vector: &mut [f32]) {
    let length = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    if length > 0.0 {
        for x in vector {
            *x = (f64::from(*x) / length) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Map<'a, F>(&'a mut [f32], F);

    /// Runs `gelu` or `exp` over a slice on the registers that this machine has.
    impl WithSimd for Map<'_, bool> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            for x in S::as_mut_simd_f32s(self.0).0 {
                *x = if self.1 { gelu(simd, *x) } else { exp(simd, *x) };
            }
        }
    }

    #[test]
    fn exp_is_the_exponential() {
        let xs: Vec<f32> = (-1280..=1280).map(|i| i as f32 / 16.0).chain([0.0; 15]).collect();
        let mut ys = xs.clone();
        ys.truncate(xs.len() / 16 * 16);
        Arch::new().dispatch(Map(&mut ys, false));
        for (x, y) in xs.iter().zip(&ys) {
            let expected = f64::from(*x).exp();
            assert!((f64::from(*y) - expected).abs() <= expected * 3e-7, "exp({x}) = {y}, not {expected}");
        }
    }

    #[test]
    fn gelu_is_that_of_known_values() {
        // Computed with 50 digits.
        let known = [(-3.0, -0.004_049_694), (-1.0, -0.158_655_26), (0.0, 0.0), (0.5, 0.345_731_23), (1.0, 0.841_344_7), (4.0, 3.999_873_3)];
        let mut ys = [0.0; 16];
        for (y, (x, _)) in ys.iter_mut().zip(known) {
            *y = x;
        }
        Arch::new().dispatch(Map(&mut ys, true));
        for (y, (x, expected)) in ys.iter().zip(known) {
            assert!((y - expected).abs() < 1e-6, "gelu({x}) = {y}, not {expected}");
        }
    }

    #[test]
    fn softmax_adds_up_to_one_and_survives_large_values() {
        let mut row = [1000.0, 999.0, -1000.0, 7.0, 7.0, 7.0, 7.0, 7.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        softmax(Arch::new(), &mut row, 16, 3);
        assert!((row[0] - 0.731_058_6).abs() < 1e-6 && (row[1] - 0.268_941_43).abs() < 1e-6, "{row:?}");
        assert!(row[2] < 1e-30 && row[3..].iter().all(|x| *x == 0.0), "{row:?}");
    }
}
