// SPDX-License-Identifier: Apache-2.0
#include "featurestore/artifact_store.h"

#include <atomic>
#include <cstdint>
#include <set>
#include <utility>

#include "base/sync.h"

namespace larder::featurestore {
namespace {

constexpr uint64_t kMaxArtifactBytes = uint64_t{4} << 30;  // S11
constexpr size_t kMaxFiles = 1'000;                        // as base/directory_digest.h
constexpr std::string_view kStaging = ".staging";

class StoreImpl : public ArtifactStore {
 public:
  StoreImpl(FileSystem& fs, std::string dir) : fs_(fs), dir_(std::move(dir)) {}

  // Removes what a crash left half received, and makes sure of what it left whole: a name that was
  // not synced yet may be relied on from now on.
  Status CleanUp() {
    LARDER_RETURN_IF_ERROR(fs_.MakeDirs(dir_));
    LARDER_RETURN_IF_ERROR(fs_.RemoveTree(JoinPath(dir_, kStaging)));
    return fs_.SyncDir(dir_);
  }

  StatusOr<std::unique_ptr<Writer>> Create() override;

  bool Contains(const Digest& digest) const override {
    return fs_.IsDirectory(JoinPath(dir_, digest.Hex()));
  }

  StatusOr<std::vector<Digest>> List() const override {
    LARDER_ASSIGN_OR_RETURN(const auto names, fs_.List(dir_));
    std::vector<Digest> digests;
    for (const std::string& name : names) {
      if (const auto digest = Digest::FromHex(name); digest.ok()) digests.push_back(*digest);
    }
    return digests;
  }

  StatusOr<std::string> Path(const Digest& digest) const override {
    if (!Contains(digest)) return NotFound("artifact ", digest.Hex(), " is not in '", dir_, "'");
    return JoinPath(dir_, digest.Hex());
  }

  Status Verify(const Digest& digest) const override {
    LARDER_ASSIGN_OR_RETURN(const std::string path, Path(digest));
    const StatusOr<Digest> found = DirectoryDigest(fs_, path);
    if (found.ok() && *found == digest) return OkStatus();
    if (found.ok()) {
      return DataLoss("artifact '", path, "' has changed: its content is ", found->Hex());
    }
    // A disk that cannot be read may come back; files that are missing or misnamed do not.
    if (found.status().code() == StatusCode::kUnavailable) return found.status();
    return DataLoss("artifact '", path, "' has changed: ", Message(found.status()));
  }

  // By another name first: what is there under the digest is whole at any moment.
  Status Remove(const Digest& digest) override {
    const std::string path = JoinPath(dir_, digest.Hex());
    const std::string aside = JoinPath(JoinPath(dir_, kStaging), digest.Hex() + ".old");
    const MutexLock lock(install_);
    if (!fs_.Exists(path)) return OkStatus();
    LARDER_RETURN_IF_ERROR(fs_.MakeDirs(JoinPath(dir_, kStaging)));
    LARDER_RETURN_IF_ERROR(fs_.Rename(path, aside));
    return fs_.RemoveTree(aside);
  }

  // Gives the finished staging folder its name, unless a copy that is intact has it already; a
  // damaged one is replaced.
  Status Install(const std::string& staging, const Digest& digest) {
    const std::string path = JoinPath(dir_, digest.Hex());
    const std::string aside = staging + ".old";
    const MutexLock lock(install_);
    const bool exists = fs_.Exists(path);
    if (!exists || !Verify(digest).ok()) {
      if (exists) LARDER_RETURN_IF_ERROR(fs_.Rename(path, aside));
      LARDER_RETURN_IF_ERROR(fs_.Rename(staging, path));
    }
    // Also for a copy that was there: its name need not be durable yet.
    LARDER_RETURN_IF_ERROR(fs_.SyncDir(dir_));
    if (exists) RemoveStaging(aside);
    return OkStatus();
  }

  // What cannot be removed now goes when the store is opened the next time.
  void RemoveStaging(const std::string& path) { fs_.RemoveTree(path).IgnoreError(); }

 private:
  FileSystem& fs_;
  const std::string dir_;
  Mutex install_;  // one at a time
  std::atomic<uint64_t> next_staging_{0};
};

class WriterImpl : public ArtifactStore::Writer {
 public:
  WriterImpl(StoreImpl& store, FileSystem& fs, std::string staging)
      : store_(store), fs_(fs), staging_(std::move(staging)), folders_{staging_} {}
  ~WriterImpl() override {
    file_.reset();
    store_.RemoveStaging(staging_);  // nothing is there if it was given its name
  }

  Status BeginFile(std::string_view name) override {
    LARDER_RETURN_IF_ERROR(CheckOpen());
    if (!IsSafeRelativePath(name)) {
      return InvalidArgument("artifact file name '", name, "' is not a safe relative path");
    }
    if (names_.size() >= kMaxFiles) {
      return InvalidArgument("an artifact has at most ", kMaxFiles, " files");
    }
    LARDER_RETURN_IF_ERROR(CheckFree(name));
    LARDER_RETURN_IF_ERROR(EndFile());
    LARDER_RETURN_IF_ERROR(MakeFolders(name));
    LARDER_ASSIGN_OR_RETURN(file_, fs_.Create(JoinPath(staging_, name)));
    names_.emplace(name);
    return OkStatus();
  }

  Status Append(std::string_view bytes) override {
    LARDER_RETURN_IF_ERROR(CheckOpen());
    if (file_ == nullptr) return InvalidArgument("artifact bytes came before the name of a file");
    if (bytes.size() > kMaxArtifactBytes - bytes_) {
      return ResourceExhausted("the artifact is larger than ", kMaxArtifactBytes, " bytes");
    }
    bytes_ += bytes.size();
    return file_->Append(bytes);
  }

  StatusOr<Digest> Commit(const Digest& expected) override {
    LARDER_RETURN_IF_ERROR(CheckOpen());
    LARDER_RETURN_IF_ERROR(EndFile());
    for (const std::string& folder : folders_) LARDER_RETURN_IF_ERROR(fs_.SyncDir(folder));
    // From the disk again: what is named is what is there.
    LARDER_ASSIGN_OR_RETURN(const Digest digest, DirectoryDigest(fs_, staging_));
    if (!expected.empty() && digest != expected) {
      return DataLoss("artifact ", expected.Hex(), " arrived with other content, ", digest.Hex());
    }
    LARDER_RETURN_IF_ERROR(store_.Install(staging_, digest));
    committed_ = true;
    return digest;
  }

 private:
  Status CheckOpen() const {
    if (committed_) return FailedPrecondition("the artifact is finished");
    return OkStatus();
  }

  // Neither the file itself nor one in place of its folders, or the other way round.
  Status CheckFree(std::string_view name) const {
    const std::string as_folder = Concat(name, "/");
    const auto below = names_.lower_bound(as_folder);
    bool taken = names_.contains(name) || (below != names_.end() && below->starts_with(as_folder));
    for (size_t at = name.find('/'); at != std::string_view::npos; at = name.find('/', at + 1)) {
      taken = taken || names_.contains(name.substr(0, at));
    }
    if (taken) return InvalidArgument("artifact file name '", name, "' is taken");
    return OkStatus();
  }

  Status MakeFolders(std::string_view name) {
    for (size_t at = name.find('/'); at != std::string_view::npos; at = name.find('/', at + 1)) {
      std::string folder = JoinPath(staging_, name.substr(0, at));
      if (!folders_.insert(folder).second) continue;
      LARDER_RETURN_IF_ERROR(fs_.MakeDirs(folder));
    }
    return OkStatus();
  }

  Status EndFile() {
    if (file_ == nullptr) return OkStatus();
    LARDER_RETURN_IF_ERROR(file_->Sync());
    LARDER_RETURN_IF_ERROR(file_->Close());
    file_ = nullptr;
    return OkStatus();
  }

  StoreImpl& store_;
  FileSystem& fs_;
  const std::string staging_;
  std::set<std::string> folders_;
  std::set<std::string, std::less<>> names_;
  std::unique_ptr<WritableFile> file_;
  uint64_t bytes_ = 0;
  bool committed_ = false;
};

StatusOr<std::unique_ptr<ArtifactStore::Writer>> StoreImpl::Create() {
  std::string staging = JoinPath(dir_, Concat(kStaging, "/", next_staging_++));
  auto writer = std::make_unique<WriterImpl>(*this, fs_, staging);
  LARDER_RETURN_IF_ERROR(fs_.MakeDirs(staging));
  return writer;
}

}  // namespace

StatusOr<std::unique_ptr<ArtifactStore>> ArtifactStore::Open(FileSystem& fs, std::string dir) {
  auto store = std::make_unique<StoreImpl>(fs, JoinPath(dir, "artifacts"));
  LARDER_RETURN_IF_ERROR(store->CleanUp());
  LARDER_RETURN_IF_ERROR(fs.SyncDir(dir));
  return store;
}

StatusOr<Digest> PutDirectory(ArtifactStore& store, FileSystem& fs, const std::string& dir) {
  LARDER_ASSIGN_OR_RETURN(const auto files, ListDirectoryFiles(fs, dir));
  LARDER_ASSIGN_OR_RETURN(const auto writer, store.Create());
  for (const DirectoryFile& file : files) {
    LARDER_RETURN_IF_ERROR(writer->BeginFile(file.name));
    LARDER_RETURN_IF_ERROR(fs.Stream(JoinPath(dir, file.name), [&](std::string_view bytes) {
      return writer->Append(bytes);
    }));
  }
  return writer->Commit(Digest{});
}

}  // namespace larder::featurestore
