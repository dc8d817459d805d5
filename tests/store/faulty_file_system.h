// The operating system's files, until a test says otherwise: full, broken, dead or cut from power.
#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>

namespace holdfast {

class FaultyFileSystem : public rocksdb::FileSystemWrapper {
 public:
  enum class State {
    kWell,
    kFull,    // writing and making files: no space, half of what was to be written is written
    kBroken,  // the same with an I/O error
    kDead,    // the process was killed: nothing changes any more
  };

  explicit FaultyFileSystem(uint64_t seed = 1);

  void set(State state) { state_ = state; }
  State state() const { return state_; }
  // Goes to `state` at the n-th change of a file from now, half-way through it. 0: never.
  void setAfter(uint64_t changes, State state);
  // Failures until now.
  uint64_t failures() const { return failures_; }
  // Only syncs fail while set.
  void setSyncsFail(bool fail) { syncsFail_ = fail; }

  // After the store is closed: takes from each log some of what was not synced.
  void losePower();

  const char* Name() const override { return "FaultyFileSystem"; }
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReuseWritableFile(const std::string& name, const std::string& oldName,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* file,
                                      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewRandomRWFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSRandomRWFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus GetFreeSpace(const std::string& path, const rocksdb::IOOptions& options,
                                 uint64_t* bytes, rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus CreateDir(const std::string& name, const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* debug) override;

 private:
  friend class FaultyFile;
  friend class FaultyLogSync;
  struct LogFile {
    uint64_t written = 0;
    uint64_t synced = 0;
  };

  // What the change fails with; OK if it does not.
  rocksdb::IOStatus change();
  rocksdb::IOStatus failure(State state);
  void wrote(const std::string& name, uint64_t bytes);
  template <typename Sync>
  rocksdb::IOStatus sync(const std::string& name, Sync run);

  std::atomic<State> state_{State::kWell};
  std::atomic<bool> syncsFail_{false};
  std::atomic<uint64_t> failures_{0};
  std::mutex mutex_;
  uint64_t changesLeft_ = 0;
  State next_ = State::kWell;
  std::map<std::string, LogFile> logs_;
  std::mt19937_64 random_;
};

}  // namespace holdfast
