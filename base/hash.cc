// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#include <openssl/evp.h>
#include <xxhash.h>

#include <algorithm>

#include "base/bytes.h"

namespace larder {

uint64_t Hash64(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

Hash128 HashTo128(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.high64, hash.low64};
}

std::string Digest::Hex() const { return ToHex(view()); }

StatusOr<Digest> Digest::FromHex(std::string_view hex) {
  if (hex.size() != 64) {
    return InvalidArgument("digest: expected 64 hex digits, got ", hex.size(), " characters");
  }
  LARDER_ASSIGN_OR_RETURN(const std::string raw, larder::FromHex(hex));
  return FromBytes(raw);
}

StatusOr<Digest> Digest::FromBytes(std::string_view raw) {
  if (raw.size() != 32) return InvalidArgument("digest: expected 32 bytes, got ", raw.size());
  Digest digest;
  std::copy(raw.begin(), raw.end(), digest.bytes.begin());
  return digest;
}

Digest Sha256(std::string_view bytes) {
  Sha256Stream stream;
  stream.Update(bytes);
  return stream.Finish();
}

struct Sha256Stream::Impl {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~Impl() { EVP_MD_CTX_free(context); }
};

Sha256Stream::Sha256Stream() : impl_(std::make_unique<Impl>()) {
  LARDER_CHECK(EVP_DigestInit_ex(impl_->context, EVP_sha256(), nullptr) == 1);
}
Sha256Stream::~Sha256Stream() = default;
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;

void Sha256Stream::Update(std::string_view bytes) {
  LARDER_CHECK(EVP_DigestUpdate(impl_->context, bytes.data(), bytes.size()) == 1);
}

Digest Sha256Stream::Finish() {
  Digest digest;
  unsigned size = 0;
  LARDER_CHECK(EVP_DigestFinal_ex(impl_->context, digest.bytes.data(), &size) == 1);
  LARDER_CHECK(size == digest.bytes.size());
  return digest;
}

}  // namespace larder
