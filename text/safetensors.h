// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SAFETENSORS_H_
#define LARDER_TEXT_SAFETENSORS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace larder::text {

enum class DType { kBool, kI8, kU8, kI16, kU16, kF16, kBF16, kI32, kU32, kF32, kI64, kU64, kF64 };

// The name of a type in the file ("I8"), and its size.
std::string_view DTypeName(DType dtype);
size_t DTypeSizeBytes(DType dtype);

// One tensor: `bytes` is row-major, outermost dimension first, little-endian.
struct Tensor {
  std::string name;
  DType dtype = DType::kI8;
  std::vector<uint64_t> shape;  // empty for a single number
  std::string_view bytes;
};

// The contents of a safetensors file; views into the bytes it was read from.
struct SafeTensors {
  std::vector<Tensor> tensors;  // in order of their place in the file
  std::vector<std::pair<std::string, std::string>> metadata;

  // Null if there is no tensor of that name.
  const Tensor* Find(std::string_view name) const;
  // The tensor `name` of `dtype` and `rank`; `file` is for messages.
  // Errors: kDataLoss naming file, tensor, what was expected and what came.
  StatusOr<const Tensor*> Require(std::string_view name, DType dtype, size_t rank,
                                  std::string_view file) const;
};

// Reads a safetensors file from untrusted bytes, which must outlive the result; `file` is for
// messages.
//
// Limits: header 8 MiB, 10,000 tensors, rank 8. Each tensor's size must follow from its shape and
// type, and the tensors must cover the data without overlap or gap.
// Errors: kDataLoss naming `file`, the tensor and what is wrong.
// Source: the format description of huggingface/safetensors (README, "Format").
StatusOr<SafeTensors> ParseSafeTensors(std::string_view bytes, std::string_view file);

// The bytes of a safetensors file with these tensors, in this order. The data starts at a multiple
// of 64 bytes. Names must be distinct and sizes match shapes (checked).
std::string WriteSafeTensors(const std::vector<Tensor>& tensors,
                             const std::vector<std::pair<std::string, std::string>>& metadata = {});

}  // namespace larder::text

#endif  // LARDER_TEXT_SAFETENSORS_H_
