//! A linear layer, `x · Wᵀ + b`, in the best form that the processor offers.

use pulp::Arch;

use super::bfloat16;
use super::matrix::{self, Rows, Then, multiply};
use super::model::Precision;

pub enum Linear {
    Single(matrix::Right<3>),
    Half(bfloat16::Right),
}

impl Linear {
    /// From the weight as the model's file has it, `[columns][inner]`.
    pub fn new(arch: Arch, precision: Precision, weight: &[f32], bias: &[f32]) -> Self {
        let half = match precision {
            Precision::Fastest => bfloat16::Right::from_weight(weight, bias),
            Precision::Single => None,
        };
        half.map_or_else(|| Linear::Single(matrix::Right::from_weight(arch, weight, bias)), Linear::Half)
    }

    /// Writes `rows` rows to `out`, one after another.
    pub fn apply(&self, arch: Arch, values: &[f32], rows: usize, then: Then, converted: &mut bfloat16::Converted, out: &mut [f32]) {
        match self {
            Linear::Single(right) => {
                let inner = right.inner();
                multiply(arch, Rows { values, stride: inner, rows, inner }, right, then, out, right.columns());
            }
            Linear::Half(right) => {
                right.convert(&values[..rows * right.inner()], converted);
                right.multiply(converted, then, out);
            }
        }
    }
}
