// SPDX-License-Identifier: Apache-2.0
#include "tests/support/power_cut_file_system.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <filesystem>
#include <utility>

#include "tests/support/disk_model.h"

namespace larder {
namespace {

namespace stdfs = std::filesystem;

// The face for Larder's own files.
class TrackedFile : public WritableFile {
 public:
  TrackedFile(std::shared_ptr<DiskModel> model, std::unique_ptr<WritableFile> real,
              DiskModel::FilePtr file)
      : model_(std::move(model)), real_(std::move(real)), file_(std::move(file)) {}

  Status Append(std::string_view bytes) override {
    return model_->Change([&] { return real_->Append(bytes); },
                          [&] { if (file_) file_->size += bytes.size(); });
  }
  Status Sync() override {
    return model_->Change([] { return OkStatus(); },
                          [&] { if (file_) file_->synced = file_->size; });
  }
  Status Close() override { return real_->Close(); }

 private:
  const std::shared_ptr<DiskModel> model_;
  const std::unique_ptr<WritableFile> real_;
  const DiskModel::FilePtr file_;
};

// RocksDB's errors through Status, which Change() wants, and back.
template <typename Real, typename Note>
rocksdb::IOStatus RocksChange(DiskModel& model, Real real, Note note) {
  rocksdb::IOStatus result = rocksdb::IOStatus::OK();
  const Status status = model.Change(
      [&]() -> Status {
        result = real();
        return result.ok() ? OkStatus() : Unavailable(result.ToString());
      },
      note);
  if (status.ok() || !result.ok()) return result;
  const std::string message(Message(status));
  return status.code() == StatusCode::kResourceExhausted ? rocksdb::IOStatus::NoSpace(message)
                                                         : rocksdb::IOStatus::IOError(message);
}

class RocksFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  RocksFile(std::shared_ptr<DiskModel> model, std::unique_ptr<rocksdb::FSWritableFile> real,
            DiskModel::FilePtr file)
      : FSWritableFileOwnerWrapper(std::move(real)),
        model_(std::move(model)),
        file_(std::move(file)) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    return RocksChange(*model_, [&] { return target()->Append(data, options, debug); },
                       [&] { if (file_) file_->size += data.size(); });
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo&,
                           rocksdb::IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  rocksdb::IOStatus PositionedAppend(const rocksdb::Slice&, uint64_t, const rocksdb::IOOptions&,
                                     rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported("direct I/O is not modelled");
  }
  rocksdb::IOStatus PositionedAppend(const rocksdb::Slice&, uint64_t, const rocksdb::IOOptions&,
                                     const rocksdb::DataVerificationInfo&,
                                     rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported("direct I/O is not modelled");
  }
  rocksdb::IOStatus Truncate(uint64_t size, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
    return RocksChange(*model_, [&] { return target()->Truncate(size, options, debug); }, [&] {
      if (!file_) return;
      file_->size = size;
      file_->synced = std::min(file_->synced, size);
    });
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    return RocksChange(*model_, [] { return rocksdb::IOStatus::OK(); },
                       [&] { if (file_) file_->synced = file_->size; });
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return Sync(options, debug);
  }
  rocksdb::IOStatus RangeSync(uint64_t, uint64_t, const rocksdb::IOOptions&,
                              rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::OK();  // a hint: sync_file_range promises nothing after a power cut
  }

 private:
  const std::shared_ptr<DiskModel> model_;
  const DiskModel::FilePtr file_;
};

class RocksDirectory : public rocksdb::FSDirectory {
 public:
  RocksDirectory(std::shared_ptr<DiskModel> model, std::string path)
      : model_(std::move(model)), path_(std::move(path)) {}
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    return RocksChange(*model_, [] { return rocksdb::IOStatus::OK(); },
                       [&] { model_->NoteDirSynced(path_); });
  }
  rocksdb::IOStatus Close(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::OK();
  }

 private:
  const std::shared_ptr<DiskModel> model_;
  const std::string path_;
};

class RocksFileSystem : public rocksdb::FileSystemWrapper {
 public:
  explicit RocksFileSystem(std::shared_ptr<DiskModel> model)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), model_(std::move(model)) {}

  const char* Name() const override { return "PowerCutFileSystem"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* out,
                                    rocksdb::IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSWritableFile> real;
    return RocksChange(
        *model_, [&] { return target()->NewWritableFile(path, options, &real, debug); },
        [&] {
          *out = std::make_unique<RocksFile>(model_, std::move(real), model_->NoteCreated(path));
        });
  }
  rocksdb::IOStatus ReopenWritableFile(const std::string& path,
                                       const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* out,
                                       rocksdb::IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSWritableFile> real;
    return RocksChange(
        *model_, [&] { return target()->ReopenWritableFile(path, options, &real, debug); },
        [&] {
          DiskModel::FilePtr file = model_->Find(path);
          if (file == nullptr) file = model_->NoteCreated(path);
          *out = std::make_unique<RocksFile>(model_, std::move(real), std::move(file));
        });
  }
  rocksdb::IOStatus ReuseWritableFile(const std::string&, const std::string&,
                                      const rocksdb::FileOptions&,
                                      std::unique_ptr<rocksdb::FSWritableFile>*,
                                      rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported("recycled logs are not modelled");
  }
  rocksdb::IOStatus NewRandomRWFile(const std::string&, const rocksdb::FileOptions&,
                                    std::unique_ptr<rocksdb::FSRandomRWFile>*,
                                    rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported("random writes are not modelled");
  }
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions&,
                                 std::unique_ptr<rocksdb::FSDirectory>* out,
                                 rocksdb::IODebugContext*) override {
    if (!stdfs::is_directory(path)) return rocksdb::IOStatus::PathNotFound(path);
    *out = std::make_unique<RocksDirectory>(model_, path);
    return rocksdb::IOStatus::OK();
  }
  rocksdb::IOStatus CreateDir(const std::string& path, const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* debug) override {
    return RocksChange(*model_, [&] { return target()->CreateDir(path, options, debug); },
                       [&] { model_->NoteDir(path); });
  }
  rocksdb::IOStatus CreateDirIfMissing(const std::string& path, const rocksdb::IOOptions& options,
                                       rocksdb::IODebugContext* debug) override {
    return RocksChange(*model_,
                       [&] { return target()->CreateDirIfMissing(path, options, debug); },
                       [&] { model_->NoteDir(path); });
  }
  rocksdb::IOStatus DeleteDir(const std::string& path, const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* debug) override {
    return RocksChange(*model_, [&] { return target()->DeleteDir(path, options, debug); },
                       [&] { model_->NoteRemoved(path); });
  }
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    return RocksChange(*model_, [&] { return target()->DeleteFile(path, options, debug); },
                       [&] { model_->NoteRemoved(path); });
  }
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    return RocksChange(*model_, [&] { return target()->RenameFile(from, to, options, debug); },
                       [&] { model_->NoteRenamed(from, to); });
  }
  // RocksDB goes on after a full disk once there is room, and gives up for good if there is none.
  rocksdb::IOStatus GetFreeSpace(const std::string& path, const rocksdb::IOOptions& options,
                                 uint64_t* bytes, rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus status = target()->GetFreeSpace(path, options, bytes, debug);
    if (model_->full()) *bytes = 0;
    return status;
  }
  rocksdb::IOStatus LinkFile(const std::string&, const std::string&, const rocksdb::IOOptions&,
                             rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported("hard links are not modelled");
  }

 private:
  const std::shared_ptr<DiskModel> model_;
};

}  // namespace

PowerCutFileSystem::PowerCutFileSystem(std::string root)
    : model_(std::make_shared<DiskModel>(std::move(root))),
      env_(rocksdb::NewCompositeEnv(std::make_shared<RocksFileSystem>(model_))) {}

PowerCutFileSystem::~PowerCutFileSystem() = default;

rocksdb::Env* PowerCutFileSystem::env() { return env_.get(); }
void PowerCutFileSystem::Freeze() { model_->Freeze(); }
void PowerCutFileSystem::FreezeAfter(uint64_t operations) { model_->FreezeAfter(operations); }
void PowerCutFileSystem::Thaw() { model_->Thaw(); }
void PowerCutFileSystem::SetFull(bool full) { model_->SetFull(full); }
bool PowerCutFileSystem::frozen() const { return model_->frozen(); }
uint64_t PowerCutFileSystem::operations() const { return model_->operations(); }
void PowerCutFileSystem::PowerCut(Mode mode, uint64_t seed) {
  model_->PowerCut(mode == Mode::kScramble, seed);
}

StatusOr<std::unique_ptr<WritableFile>> PowerCutFileSystem::Create(const std::string& path) {
  std::unique_ptr<WritableFile> file;
  LARDER_RETURN_IF_ERROR(model_->Change(
      [&]() -> Status {
        LARDER_ASSIGN_OR_RETURN(file, FileSystem::Posix().Create(path));
        return OkStatus();
      },
      [&] {
        file = std::make_unique<TrackedFile>(model_, std::move(file), model_->NoteCreated(path));
      }));
  return file;
}

StatusOr<std::string> PowerCutFileSystem::Read(const std::string& path, uint64_t max_bytes) {
  return FileSystem::Posix().Read(path, max_bytes);
}
Status PowerCutFileSystem::Stream(const std::string& path,
                                  const std::function<Status(std::string_view bytes)>& piece) {
  return FileSystem::Posix().Stream(path, piece);
}
StatusOr<uint64_t> PowerCutFileSystem::Size(const std::string& path) {
  return FileSystem::Posix().Size(path);
}
bool PowerCutFileSystem::Exists(const std::string& path) {
  return FileSystem::Posix().Exists(path);
}
StatusOr<std::vector<std::string>> PowerCutFileSystem::List(const std::string& dir) {
  return FileSystem::Posix().List(dir);
}
bool PowerCutFileSystem::IsDirectory(const std::string& path) {
  return FileSystem::Posix().IsDirectory(path);
}
Status PowerCutFileSystem::MakeDir(const std::string& dir) {
  return model_->Change([&] { return FileSystem::Posix().MakeDir(dir); },
                        [&] { model_->NoteDir(dir); });
}
Status PowerCutFileSystem::Rename(const std::string& from, const std::string& to) {
  return model_->Change([&] { return FileSystem::Posix().Rename(from, to); },
                        [&] { model_->NoteRenamed(from, to); });
}
Status PowerCutFileSystem::Remove(const std::string& path) {
  return model_->Change([&] { return FileSystem::Posix().Remove(path); },
                        [&] { model_->NoteRemoved(path); });
}
Status PowerCutFileSystem::RemoveTree(const std::string& path) {
  return model_->Change([&] { return FileSystem::Posix().RemoveTree(path); },
                        [&] { model_->NoteRemoved(path); });
}
Status PowerCutFileSystem::SyncDir(const std::string& dir) {
  return model_->Change(
      [&] { return stdfs::is_directory(dir) ? OkStatus() : NotFound("no directory '", dir, "'"); },
      [&] { model_->NoteDirSynced(dir); });
}

}  // namespace larder
