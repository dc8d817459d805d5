// Writes one capture log: a thread of its own takes entries from a bounded queue, so that the loop
// waits for no disk. A log never has a hole: what cannot be written ends it.
#pragma once

#include <capnp/message.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/limits.h"
#include "core/result.h"
#include "locks/mutex.h"

namespace holdfast {

struct LogOptions {
  std::string directory;  // of all logs; made where it is not there
  // The file's successor begins with the entry that would make it larger.
  uint64_t fileBytesMax = uint64_t{256} << 20;
  // Of all logs in the directory with their checkpoints. The oldest ones are deleted for the new
  // one's sake; a log that needs all of it for itself ends.
  uint64_t totalBytesMax = uint64_t{16} << 30;
  size_t queueBytesMax = kCaptureQueueBytesMax;
  std::string program = "holdfast";  // with its version
};

class LogWriter {
 public:
  // Begins a log in a folder of its own. The error says what is wrong, where, and what to do.
  static Result<std::unique_ptr<LogWriter>> open(LogOptions options);
  // close(), without a last entry, unless that was called.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  const std::string& folder() const { return folder_; }

  // Queues an entry. False: the log has ended before it, failure() says why.
  bool append(capnp::MessageBuilder& entry);
  // Hands everything queued to the thread. Every 100 ms or so: it is what a killed process loses.
  void flush();
  // Written so far. Any thread.
  uint64_t bytes() const { return written_.load(std::memory_order_relaxed); }
  // Empty, or why the log goes on no more.
  std::string failure() const;
  // Writes what is queued and, where there is one, the last entry; ends the thread.
  void close(capnp::MessageBuilder* last);

 private:
  struct Block {
    explicit Block(size_t bytes) : data(new uint8_t[bytes]), capacity(bytes) {}
    std::unique_ptr<uint8_t[]> data;
    size_t capacity;
    size_t used = 0;
  };

  LogWriter(LogOptions options, std::string folder);

  void run();
  // Waits for the next block; null when the log is closed and nothing is queued.
  std::unique_ptr<Block> take();
  // A block that take() gave is written.
  void giveBack(std::unique_ptr<Block> block);
  void write(Block& block);
  bool writeRun(const uint8_t* data, size_t bytes);
  // 0, or why not: errno. The file then ends where it ended before.
  int writeAll(const uint8_t* data, size_t bytes);
  // Empty, or why there is no next file.
  std::string beginFile();
  // Deletes older logs until `bytes` more fit. Whether they do.
  bool makeRoom(uint64_t bytes);
  void fail(const std::string& why);

  const LogOptions options_;
  const std::string folder_;
  std::array<uint8_t, 16> id_{};

  // The loop's.
  std::unique_ptr<Block> open_;
  bool closed_ = false;

  mutable Mutex mutex_;
  Condition wakened_;
  std::deque<std::unique_ptr<Block>> queue_ HOLDFAST_GUARDED_BY(mutex_);
  std::unique_ptr<Block> spare_ HOLDFAST_GUARDED_BY(mutex_);
  size_t queuedBytes_ HOLDFAST_GUARDED_BY(mutex_) = 0;
  bool closing_ HOLDFAST_GUARDED_BY(mutex_) = false;
  std::string failure_ HOLDFAST_GUARDED_BY(mutex_);
  std::atomic<bool> failed_{false};
  std::atomic<uint64_t> written_{0};

  // The thread's, and close()'s when that has ended.
  int fd_ = -1;
  uint32_t fileNumber_ = 0;
  uint64_t fileBytes_ = 0;
  uint64_t fileEntries_ = 0;
  uint64_t entries_ = 0;
  bool broken_ = false;  // nothing more is written
  uint64_t ownBytes_ = 0;
  uint64_t otherBytes_ = 0;
  std::vector<std::pair<std::filesystem::path, uint64_t>> others_;  // oldest first, with their size
  std::thread thread_;
};

}  // namespace holdfast
