// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_ARTIFACT_HANDLERS_H_
#define LARDER_SERVING_ARTIFACT_HANDLERS_H_

#include <cstddef>
#include <functional>
#include <memory>

#include "base/file_system.h"
#include "base/hash.h"
#include "base/status.h"
#include "featurestore/artifact_store.h"
#include "larder/v1/artifact_service.pb.h"
#include "serving/context.h"

namespace larder::serving {

// ArtifactService.Stat. Errors: kInvalidArgument; kDeadlineExceeded.
// Cost: reads every artifact that is named and there, about 2 s per GiB.
StatusOr<larder::v1::StatResponse> StatArtifacts(const larder::v1::StatRequest& request,
                                                 const Context& context);

// ArtifactService.Put, piece by piece: Add every message, then Finish.
// Destroyed before Finish: nothing was stored. Thread-safety: single-thread.
class ArtifactUpload {
 public:
  explicit ArtifactUpload(featurestore::ArtifactStore& artifacts) : artifacts_(artifacts) {}

  // Errors: as the proto says; after one the upload is of no more use.
  Status Add(const larder::v1::PutRequest& part);
  StatusOr<larder::v1::PutResponse> Finish();

 private:
  featurestore::ArtifactStore& artifacts_;
  std::unique_ptr<featurestore::ArtifactStore::Writer> writer_;  // from the header on
  Digest expected_;
  size_t files_ = 0;
};

// ArtifactService.Get: calls `send` for every piece, until it returns false (the client is gone).
// Errors: kNotFound; kInvalidArgument for a name that is no digest; kDeadlineExceeded.
Status SendArtifact(const larder::v1::ArtifactServiceGetRequest& request, FileSystem& fs,
                    const Context& context,
                    const std::function<bool(const larder::v1::ArtifactServiceGetResponse&)>& send);

}  // namespace larder::serving

#endif  // LARDER_SERVING_ARTIFACT_HANDLERS_H_
