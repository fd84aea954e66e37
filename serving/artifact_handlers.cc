// SPDX-License-Identifier: Apache-2.0
#include "serving/artifact_handlers.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/directory_digest.h"

namespace larder::serving {
namespace {

constexpr int kMaxStatDigests = 1'000;
constexpr size_t kMaxFiles = 1'000;
constexpr size_t kSendChunkBytes = size_t{1} << 20;

}  // namespace

StatusOr<v1::StatResponse> StatArtifacts(const v1::StatRequest& request, const Context& context) {
  if (request.digests_size() > kMaxStatDigests) {
    return InvalidArgument("digests: at most ", kMaxStatDigests, ", got ", request.digests_size());
  }
  v1::StatResponse reply;
  for (const std::string& hex : request.digests()) {
    LARDER_ASSIGN_OR_RETURN(const Digest digest, Digest::FromHex(hex));
    LARDER_RETURN_IF_ERROR(CheckDeadline(context));
    // One that is damaged is not there: putting it again repairs it.
    reply.add_present(context.backend.artifacts.Verify(digest).ok());
  }
  return reply;
}

Status ArtifactUpload::Add(const v1::PutRequest& part) {
  switch (part.part_case()) {
    case v1::PutRequest::kHeader: {
      if (writer_ != nullptr) return InvalidArgument("a second header");
      if (!part.header().expected_digest().empty()) {
        LARDER_ASSIGN_OR_RETURN(expected_, Digest::FromHex(part.header().expected_digest()));
        // To the store it would mean "none expected".
        if (expected_ == Digest{}) return InvalidArgument("expected_digest is all zeros");
      }
      LARDER_ASSIGN_OR_RETURN(writer_, artifacts_.Create());
      return OkStatus();
    }
    case v1::PutRequest::kFile:
      if (writer_ == nullptr) return InvalidArgument("a file before the header");
      if (++files_ > kMaxFiles) return InvalidArgument("at most ", kMaxFiles, " files");
      if (!IsUtf8(part.file().name())) return InvalidArgument("a file's name is not UTF-8");
      return writer_->BeginFile(part.file().name());
    case v1::PutRequest::kChunk:
      if (files_ == 0) return InvalidArgument("a chunk before the first file");
      if (part.chunk().size() > kMaxChunkBytes) {
        return InvalidArgument("a chunk of ", part.chunk().size(), " bytes, at most ",
                                 kMaxChunkBytes);
      }
      return writer_->Append(part.chunk());
    case v1::PutRequest::PART_NOT_SET: break;
  }
  return InvalidArgument("expected a header, a file or a chunk");
}

StatusOr<v1::PutResponse> ArtifactUpload::Finish() {
  if (files_ == 0) return InvalidArgument("expected a header and at least one file");
  LARDER_ASSIGN_OR_RETURN(const Digest digest, writer_->Commit(expected_));
  v1::PutResponse reply;
  reply.set_digest(digest.Hex());
  return reply;
}

Status SendArtifact(const v1::ArtifactServiceGetRequest& request, FileSystem& fs,
                    const Context& context,
                    const std::function<bool(const v1::ArtifactServiceGetResponse&)>& send) {
  LARDER_ASSIGN_OR_RETURN(const Digest digest, Digest::FromHex(request.digest()));
  LARDER_ASSIGN_OR_RETURN(const std::string dir, context.backend.artifacts.Path(digest));
  LARDER_ASSIGN_OR_RETURN(const std::vector<DirectoryFile> files, ListDirectoryFiles(fs, dir));
  for (const DirectoryFile& file : files) {
    v1::ArtifactServiceGetResponse start;
    start.mutable_file()->set_name(file.name);
    start.mutable_file()->set_size_bytes(file.size_bytes);
    if (!send(start)) return Cancelled("the client went away");
    LARDER_ASSIGN_OR_RETURN(const auto mapped, MappedFile::Open(JoinPath(dir, file.name)));
    std::string_view rest = mapped->bytes();
    while (!rest.empty()) {
      LARDER_RETURN_IF_ERROR(CheckDeadline(context));
      const std::string_view chunk = rest.substr(0, kSendChunkBytes);
      v1::ArtifactServiceGetResponse piece;
      piece.set_chunk(std::string(chunk));
      if (!send(piece)) return Cancelled("the client went away");
      rest.remove_prefix(chunk.size());
    }
  }
  return OkStatus();
}

}  // namespace larder::serving
