//! Weights of the kinds that candle multiplies one number at a time (`Q4_1`, `Q5_0`, `Q5_1`), given to it as `Q8_0`, which
//! it multiplies many at a time: an answer comes several times as fast, and the weights take up to twice the memory. Files
//! called `Q4_K_M` have such weights too, wherever a row's length is no multiple of 256 (Qwen 2.5 0.5B, SmolLM2).
//!
//! A [`Quickened`] reader stands for the file with these tensors behind its end, and makes each when it is read, so that
//! there is never more than one of them twice.

use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};

use candle_core::{
    Device,
    quantized::{
        GgmlDType, QTensor,
        gguf_file::{Content, TensorInfo},
    },
};

const QUICK: GgmlDType = GgmlDType::Q8_0;

/// Whether a tensor is given as another kind.
pub(super) fn is_slow(kind: GgmlDType) -> bool {
    matches!(kind, GgmlDType::Q4_1 | GgmlDType::Q5_0 | GgmlDType::Q5_1)
}

/// What a tensor takes in memory, as it is given.
pub(super) fn bytes(tensor: &TensorInfo) -> u64 {
    bytes_as(tensor, if is_slow(tensor.ggml_dtype) { QUICK } else { tensor.ggml_dtype })
}

/// What a tensor takes as `kind`; in the file that is its own.
pub(super) fn bytes_as(tensor: &TensorInfo, kind: GgmlDType) -> u64 {
    let blocks = tensor.shape.elem_count().div_ceil(kind.block_size().max(1));
    (blocks as u64).saturating_mul(kind.type_size() as u64)
}

pub(super) struct Quickened<R> {
    file: R,
    data_offset: u64,
    file_bytes: u64,
    /// The slow tensors as they are in the file, and where they begin here, in that order.
    slow: Vec<(u64, TensorInfo)>,
    end: u64,
    at: u64,
    /// The one made last, and where it begins.
    made: (u64, Vec<u8>),
}

impl<R: Read + Seek> Quickened<R> {
    /// Changes what `content` says of the slow tensors, so that this reader answers for them.
    pub(super) fn new(mut file: R, content: &mut Content) -> Result<Self> {
        let file_bytes = file.seek(SeekFrom::End(0))?;
        // No tensor begins before its data do, whatever the file says of itself.
        let mut end = file_bytes.max(content.tensor_data_offset);
        let mut slow = Vec::new();
        for tensor in content.tensor_infos.values_mut().filter(|tensor| is_slow(tensor.ggml_dtype)) {
            slow.push((end, TensorInfo { ggml_dtype: tensor.ggml_dtype, shape: tensor.shape.clone(), offset: tensor.offset }));
            tensor.offset = end - content.tensor_data_offset;
            tensor.ggml_dtype = QUICK;
            end = end.saturating_add(bytes_as(tensor, QUICK));
        }
        Ok(Quickened { file, data_offset: content.tensor_data_offset, file_bytes, slow, end, at: 0, made: (u64::MAX, Vec::new()) })
    }

    fn make(&mut self) -> Result<()> {
        let place = self.slow.partition_point(|(begin, _)| *begin <= self.at).checked_sub(1).ok_or(ErrorKind::UnexpectedEof)?;
        let (begin, tensor) = &self.slow[place];
        if self.made.0 != *begin {
            let made = tensor.read(&mut self.file, self.data_offset, &Device::Cpu).and_then(|slow| QTensor::quantize(&slow.dequantize(&Device::Cpu)?, QUICK)).map_err(Error::other)?;
            self.made = (*begin, made.data().map_err(Error::other)?.into_owned());
        }
        Ok(())
    }
}

impl<R: Read + Seek> Read for Quickened<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = if self.at < self.file_bytes {
            self.file.seek(SeekFrom::Start(self.at))?;
            self.file.read(buffer)?
        } else if self.at < self.end {
            self.make()?;
            let (begin, made) = &self.made;
            let from = usize::try_from(self.at - begin).unwrap_or(usize::MAX);
            made.get(from..).unwrap_or_default().read(buffer)?
        } else {
            0
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl<R: Read + Seek> Seek for Quickened<R> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let (from, by) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::End(by) => (self.end, by),
            SeekFrom::Current(by) => (self.at, by),
        };
        self.at = from.checked_add_signed(by).ok_or(ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use candle_core::{Tensor, quantized::gguf_file};

    use super::*;

    /// Each slow kind comes as a quick one with the same numbers, between tensors that stay as they are.
    #[test]
    fn slow_weights_come_as_quick_ones_and_all_others_as_they_are() {
        let device = Device::Cpu;
        let source = Tensor::randn(0f32, 1.0, (8, 96), &device).unwrap();
        let kinds = [GgmlDType::F32, GgmlDType::Q4_1, GgmlDType::Q4_0, GgmlDType::Q5_0, GgmlDType::Q5_1, GgmlDType::Q8_0];
        let tensors: Vec<(String, QTensor)> = kinds.iter().map(|kind| (format!("{kind:?}"), QTensor::quantize(&source, *kind).unwrap())).collect();
        let named: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        let mut file = Cursor::new(Vec::new());
        gguf_file::write(&mut file, &[], &named).unwrap();
        file.set_position(0);
        let mut content = Content::read(&mut file).unwrap();
        let mut reader = Quickened::new(file, &mut content).unwrap();
        for (name, tensor) in &tensors {
            let read = content.tensor(&mut reader, name, &device).unwrap();
            assert_eq!(read.dtype(), if is_slow(tensor.dtype()) { QUICK } else { tensor.dtype() }, "{name}");
            assert_eq!(bytes(&content.tensor_infos[name]), read.storage_size_in_bytes() as u64, "{name}");
            let difference = (read.dequantize(&device).unwrap() - tensor.dequantize(&device).unwrap()).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(difference < 0.03, "{name}: {difference}");
        }
    }
}
