// SPDX-License-Identifier: Apache-2.0
#include "cli/artifact_upload.h"

#include <algorithm>
#include <utility>

#include "base/directory_digest.h"
#include "larder/v1/artifact_service.grpc.pb.h"

namespace larder::cli {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 20;
// Uploads may be large: they get time by their size, not the --timeout of one call.
constexpr std::chrono::minutes kUploadTime{10};

using Upload = grpc::ClientWriter<v1::PutRequest>;

// False once the server has given up; Finish() then says why.
bool SendFile(Upload& upload, std::string_view name, std::string_view bytes) {
  v1::PutRequest message;
  message.mutable_file()->set_name(std::string(name));
  message.mutable_file()->set_size_bytes(bytes.size());
  bool sent = upload.Write(message);
  for (size_t begin = 0; sent && begin < bytes.size(); begin += kChunkBytes) {
    const std::string_view chunk = bytes.substr(begin, kChunkBytes);
    message.set_chunk(chunk.data(), chunk.size());
    sent = upload.Write(message);
  }
  return sent;
}

}  // namespace

Status UploadArtifact(const Client& client, FileSystem& fs, const std::string& dir,
                      const Digest& digest) {
  LARDER_ASSIGN_OR_RETURN(const auto files, ListDirectoryFiles(fs, dir));
  const auto stub = v1::ArtifactService::NewStub(client.channel());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kUploadTime);
  v1::PutResponse response;
  const auto upload = stub->Put(&context, &response);

  v1::PutRequest header;
  header.mutable_header()->set_expected_digest(digest.Hex());
  bool sent = upload->Write(header);
  for (const DirectoryFile& file : files) {
    if (!sent) break;
    const auto mapped = MappedFile::Open(JoinPath(dir, file.name));
    if (!mapped.ok()) {
      context.TryCancel();
      (void)upload->Finish();
      return mapped.status();
    }
    sent = SendFile(*upload, file.name, (*mapped)->bytes());
  }
  upload->WritesDone();
  const Status status = FromGrpc(upload->Finish());
  if (!status.ok()) return Annotate(status, Concat("upload of ", dir));
  return OkStatus();
}

}  // namespace larder::cli
