// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_ARTIFACT_STORE_H_
#define LARDER_FEATURESTORE_ARTIFACT_STORE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/directory_digest.h"
#include "base/file_system.h"
#include "base/hash.h"
#include "base/status.h"

namespace larder::featurestore {

// Content-addressed directories under `DIR/artifacts/<digest>/` (R4, S7.4): immutable once named.
// A name is a DirectoryDigest, never a path (S11). Written to a staging folder, synced, verified
// against the digest, then renamed; staging left over by a crash is removed by Open.
// Thread-safety: thread-safe.
class ArtifactStore {
 public:
  static StatusOr<std::unique_ptr<ArtifactStore>> Open(FileSystem& fs, std::string dir);

  // One artifact being received. Files come one after the other, in any sizes of pieces.
  // Destroyed without Commit: forgotten. Thread-safety: single-thread.
  class Writer {
   public:
    virtual ~Writer() = default;
    // Errors: kInvalidArgument for an unsafe or repeated name; kResourceExhausted over 4 GiB.
    virtual Status BeginFile(std::string_view name) = 0;
    virtual Status Append(std::string_view bytes) = 0;
    // Syncs and names it; durable when it returns (S7.4). An artifact that is there already is
    // fine, and is replaced if it is damaged. With `expected` not empty: kDataLoss if the content
    // has another digest. Cost: reads the artifact, and a copy that is there already, once.
    virtual StatusOr<Digest> Commit(const Digest& expected) = 0;
  };
  virtual ~ArtifactStore() = default;
  // Errors: the disk's.
  virtual StatusOr<std::unique_ptr<Writer>> Create() = 0;

  // True if there is a directory of that name, damaged or not.
  virtual bool Contains(const Digest& digest) const = 0;
  // Those that there are, in no order. Errors: the disk's.
  virtual StatusOr<std::vector<Digest>> List() const = 0;
  // The directory of an artifact. Errors: kNotFound.
  virtual StatusOr<std::string> Path(const Digest& digest) const = 0;
  // Errors: kNotFound; kDataLoss naming the artifact if its content has changed; kUnavailable.
  // Cost: reads all of it, about 2 s per GiB.
  virtual Status Verify(const Digest& digest) const = 0;

  // Takes away an artifact that nothing names any more; fine if there is none. Files of it that
  // are open or mapped stay readable. Errors: the disk's.
  virtual Status Remove(const Digest& digest) = 0;
};

// Copies a directory into the store.
StatusOr<Digest> PutDirectory(ArtifactStore& store, FileSystem& fs, const std::string& dir);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_ARTIFACT_STORE_H_
