// A file system that makes, renames and deletes files only while the store's directory is the one
// that was opened. RocksDB goes by paths: where a directory was unmounted or replaced it would make
// the path anew, or write into, and delete from, what belongs to another store.
#pragma once

#include <rocksdb/file_system.h>

#include <memory>
#include <string>
#include <utility>

#include "store/data_directory.h"

namespace holdfast {

class DirectoryGuard : public rocksdb::FileSystemWrapper {
 public:
  // `files` may be null: the operating system's. Keeps `directory`, which must outlive it.
  DirectoryGuard(const std::shared_ptr<rocksdb::FileSystem>& files, const DataDirectory& directory)
      : FileSystemWrapper(files ? files : rocksdb::FileSystem::Default()), directory_(directory) {}

  const char* Name() const override { return "DirectoryGuard"; }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    return guarded([&] { return target()->NewWritableFile(name, options, file, debug); });
  }
  rocksdb::IOStatus ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       rocksdb::IODebugContext* debug) override {
    return guarded([&] { return target()->ReopenWritableFile(name, options, file, debug); });
  }
  rocksdb::IOStatus ReuseWritableFile(const std::string& name, const std::string& oldName,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* file,
                                      rocksdb::IODebugContext* debug) override {
    return guarded(
        [&] { return target()->ReuseWritableFile(name, oldName, options, file, debug); });
  }
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    return guarded([&] { return target()->RenameFile(from, to, options, debug); });
  }
  rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
    return guarded([&] { return target()->LinkFile(from, to, options, debug); });
  }
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    return guarded([&] { return target()->DeleteFile(name, options, debug); });
  }
  rocksdb::IOStatus Truncate(const std::string& name, size_t size,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
    return guarded([&] { return target()->Truncate(name, size, options, debug); });
  }
  rocksdb::IOStatus CreateDir(const std::string& name, const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* debug) override {
    return guarded([&] { return target()->CreateDir(name, options, debug); });
  }
  rocksdb::IOStatus CreateDirIfMissing(const std::string& name, const rocksdb::IOOptions& options,
                                       rocksdb::IODebugContext* debug) override {
    // RocksDB asks for its own directory again and again: between a look at it and its making it
    // could go, and another one would take its place.
    if (directory_.isOpen() && name == directory_.path()) {
      return rocksdb::status_to_io_status(directory_.check());
    }
    return guarded([&] { return target()->CreateDirIfMissing(name, options, debug); });
  }

 private:
  template <typename Change>
  rocksdb::IOStatus guarded(Change change) const {
    rocksdb::Status reached = directory_.check();
    return reached.ok() ? change() : rocksdb::status_to_io_status(std::move(reached));
  }

  const DataDirectory& directory_;
};

}  // namespace holdfast
