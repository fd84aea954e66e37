// SPDX-License-Identifier: Apache-2.0
#include "bench/support/npy.h"

#include <charconv>
#include <utility>

#include "base/bytes.h"

namespace larder::bench {
namespace {

constexpr std::string_view kMagic{"\x93NUMPY\x01\x00", 8};

// What stands behind `name` in the header, a Python dictionary.
std::string_view After(std::string_view header, std::string_view name) {
  const size_t at = header.find(name);
  return at == std::string_view::npos ? std::string_view() : header.substr(at + name.size());
}

}  // namespace

StatusOr<NpyFile> NpyFile::Open(const std::string& path) {
  NpyFile file;
  LARDER_ASSIGN_OR_RETURN(file.map_, MappedFile::Open(path));
  ByteReader reader(file.map_->bytes());
  const bool known = reader.Raw(kMagic.size()) == kMagic;
  const std::string_view header = reader.Raw(reader.Fixed<uint16_t>());
  if (!known || !reader.ok()) return InvalidArgument(path, ": not a .npy file of version 1.0");
  const std::string_view type = After(header, "'descr': '");
  file.type_ = type.substr(0, type.find('\''));
  std::string_view shape = After(header, "'shape': (");
  const auto number = [&shape](size_t& out) {
    const auto [end, error] = std::from_chars(shape.data(), shape.data() + shape.size(), out);
    shape.remove_prefix(static_cast<size_t>(end - shape.data()));
    return error == std::errc();
  };
  bool two = number(file.rows_) && shape.starts_with(", ");
  shape.remove_prefix(two ? 2 : 0);
  two = two && number(file.columns_) && shape.starts_with(")");
  if (!two || !After(header, "'fortran_order': ").starts_with("False")) {
    return InvalidArgument(path, ": expected two dimensions in C order, got ", header);
  }
  const size_t width = file.type_ == "|i1" || file.type_ == "|u1" ? 1 : 4;
  if (file.columns_ == 0 || reader.remaining() / width / file.columns_ != file.rows_) {
    return InvalidArgument(path, ": ", reader.remaining(), " bytes for ", file.rows_, " x ",
                           file.columns_);
  }
  file.data_ = file.map_->bytes().data() + file.map_->bytes().size() - reader.remaining();
  return file;
}

Status WriteNpy(const std::string& path, std::string_view type, std::string_view data, size_t rows,
                size_t columns) {
  std::string header = Concat("{'descr': '", type, "', 'fortran_order': False, 'shape': (", rows,
                              ", ", columns, "), }");
  while ((kMagic.size() + 2 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string bytes(kMagic);
  ByteWriter(bytes).Fixed(static_cast<uint16_t>(header.size()));
  bytes += header;
  bytes += data;
  return WriteFileAtomically(FileSystem::Posix(), path, bytes);
}

}  // namespace larder::bench
