// The registry's store on RocksDB. One directory, one process.
//
// The thread that calls open() owns the store; callbacks say which thread they come from.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/limits.h"
#include "core/placed_store.h"
#include "core/registry_store.h"
#include "core/result.h"
#include "core/store_statistics.h"

namespace rocksdb {
class FileSystem;
}

namespace holdfast {

// When the write-ahead log reaches stable storage. It is always in the page cache before a write
// counts as committed, so the end of the process alone loses nothing.
enum class WalSync {
  kInterval,  // every StoreOptions::syncInterval: a power loss can lose that much
  kAlways,    // before every completion
  kNever,     // when the operating system likes to
};

enum class LogLevel { kInfo, kWarning, kError };

// How far a start is in one of its phases.
struct StartProgress {
  const char* phase = "";  // what it does, as in "reading the contents"
  const char* unit = "";   // of what is counted, as in "keys"
  uint64_t done = 0;
  uint64_t total = 0;  // an estimate; 0: unknown
  double seconds = 0;  // since the phase began
  double perSecond = 0;
  double secondsRemaining = 0;  // 0: unknown
};

// Of one step from a storage format to the next.
struct MigrationProgress {
  uint32_t format = 0;     // that it makes
  const char* step = "";   // its name
  uint64_t bytesDone = 0;  // of table files
  uint64_t bytesTotal = 0;
  double bytesPerSecond = 0;
  double secondsRemaining = 0;
};

struct StoreOptions {
  std::string dataDir;
  // Makes the directory where there is none. A store is made in an empty directory in any case.
  bool create = false;
  // It is written to by what stands in a group's log alone. Otherwise it forgets its place there.
  bool followsLog = false;
  // Where a store of an older format is copied to before it is brought to this program's: a new
  // directory on the same disk. Empty: it is not copied.
  std::string checkpointBeforeMigration;
  WalSync walSync = WalSync::kInterval;
  std::chrono::milliseconds syncInterval{100};  // 1 and more
  // From the begin of a write that is synced at once to the next write: what is queued meanwhile
  // shares one sync, and the disk leaves the processors to others.
  std::chrono::microseconds syncedWriteInterval{0};
  size_t queueBytes = kStoreQueueBytesMax;
  // Keys, 8 bytes each, that a fold sorts at once; batches of more are read several times. 2 and
  // more.
  size_t foldKeysMax = size_t{8} << 20;

  // Families exist before they are needed: at least this many free ones after open, and as many
  // as there are made again when few are left.
  uint32_t familiesFree = 64;

  size_t writeBufferBytes = size_t{256} << 20;  // of all families
  size_t walBytesMax = size_t{256} << 20;       // bounds what a start has to read again
  uint32_t recoveryThreads = 0;                 // 0: as many as there are processors

  // Between attempts to write again after a failure; doubles up to 8 times that.
  std::chrono::milliseconds retryInterval{250};
  // How long close() keeps trying when the store cannot write.
  std::chrono::milliseconds closeTimeMax{5000};

  // For tests that inject faults; null: the operating system's.
  std::shared_ptr<rocksdb::FileSystem> fileSystem;

  std::string createdBy = "holdfast";  // program and version, recorded in a new store

  // From the store thread, when poll() has something new. Must not block.
  std::function<void()> notify;
  // From any thread.
  std::function<void(LogLevel, const std::string&)> log;
  // From the thread in open() or recover(), every second.
  std::function<void(const StartProgress&)> progress;
  // From the thread in open(), every second.
  std::function<void(const MigrationProgress&)> migrationProgress;
  // From the store thread: what had been reported as committed is gone after a failure of the
  // disk. The process must end; the next start recovers what there is. Nothing is written any
  // more. Without it, the process aborts.
  std::function<void(const std::string&)> fatal;
};

// A copy of the store that is asked for.
struct CheckpointRequest {
  std::string path;
  std::string registryDigest;  // as of it, which it will say; 32 hexadecimal digits or empty
};

// What became of it.
struct CheckpointResult {
  std::optional<Error> error;  // there is none; says what is wrong and what to do
  std::string path;
  uint64_t bytes = 0;     // of its files, shared ones included
  uint64_t sequence = 0;  // RocksDB's number of the last write in it, as offline tools show it
};

class RocksStore : public PlacedStore {
 public:
  // Opens the store in options.dataDir, or makes one there if the directory is empty. The error
  // says what is wrong, where, and what to do.
  static Result<std::unique_ptr<RocksStore>> open(StoreOptions options);

  // close(), unless that was called.
  ~RocksStore() override;
  RocksStore(const RocksStore&) = delete;
  RocksStore& operator=(const RocksStore&) = delete;

  OwnerId claim() override;
  bool hasRoom(size_t bytes) const override;
  Ticket append(const ReportRecord& report) override;
  Ticket append(const BatchRecord& batch) override;
  Ticket write(StoreBatch batch) override;
  void fold(const FoldRequest& request) override;
  StoreHealth health() const override;
  // Store time, see Clock::storeMs. Any thread.
  uint64_t timeMs() const;
  void poll(StoreListener& listener) override;
  void recover(RecoverySink& sink) override;
  void reach(const LogPlace& place) override;
  std::optional<LogPlace> place() const override;

  // Copies the store to request.path, as it is when everything that was queued before is committed,
  // and nothing of what is queued behind: a place in the order of writes that the caller chooses.
  // Writes go on meanwhile. The path is absolute, of a directory that is new, on the store's file
  // system: table files are shared by hard links. `done` is called by poll(), or never if the store
  // is closed first. The error comes at once: another one is under way, or the store cannot write.
  std::optional<Error> checkpoint(CheckpointRequest request,
                                  std::function<void(const CheckpointResult&)> done);
  // Makes such a copy at once, on this thread; checksums of table files are left out where they
  // would have to be read for them. No write may be queued. The error says why not.
  std::optional<Error> checkpointNow(const std::string& path) const;
  // Whether a directory, or where it is to be made, can share the store's files by hard links.
  bool sharesFileSystem(const std::string& directory) const;

  StoreStatistics statistics() const;
  // 32 hexadecimal digits, drawn when the store was created.
  std::string clusterId() const;
  // Whether this open() created the store.
  bool created() const;

  // Writes what is queued, syncs, ends all threads. The error says what was lost and why. Only
  // statistics() may be called afterwards.
  std::optional<Error> close();

 private:
  struct Parts;
  explicit RocksStore(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace holdfast
