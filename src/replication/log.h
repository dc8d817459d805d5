// The log that the controllers of a group share; a seam with two implementations: JetStream
// (nats/nats_log.h), and one in memory for tests (tests/support/memory_log.h).
//
// What is asked of an engine: records stand in one order that never changes, each under a sequence,
// ascending by one; an acknowledgement means that the record is there and durable. Nothing else: it
// may lose, repeat and reorder what is appended and lose acknowledgements. What a record counts for
// is said by log_rule.h alone.
//
// All calls come from one thread, and none waits for the engine; poll() delivers what came.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace holdfast::replication {

// Names one append() of a Log, ascending from 1; not a record: one that is appended again has
// another.
using AppendId = uint64_t;

// The first record of a log has 1.
using LogSequence = uint64_t;

class LogListener {
 public:
  virtual ~LogListener() = default;
  // The record is in the log, durable, under `sequence`.
  virtual void onAppended(AppendId id, LogSequence sequence) = 0;
  // Nobody knows whether it is, or will be.
  virtual void onAppendUnknown(AppendId id, const Error& why) = 0;
  // Answers fetch(). `bytes` is valid for the call.
  virtual void onFetched(LogSequence sequence, std::string_view bytes) = 0;
  // Of follow(): the next record, without a gap. `bytes` is valid for the call.
  virtual void onRecord(LogSequence sequence, std::string_view bytes) = 0;
  // The log is not the one that was, or no longer has what was wanted of it: nothing that comes of
  // it can be trusted, and nothing comes any more. Says what is wrong and what follows.
  virtual void onLogLost(const Error& why) = 0;
};

// What is known of the log; only as new as the engine's last answer.
struct LogState {
  bool connected = false;
  std::string reason;     // when not connected: why
  std::string identity;   // of the log: another one is another log; empty: not known yet
  LogSequence first = 0;  // the oldest record that is kept; 0: not known, or none
  LogSequence last = 0;   // 0: none
  std::string warning;    // why the engine may lose what it has, and what to do; empty: nothing
};

class Log {
 public:
  virtual ~Log() = default;

  // Appends a record of at most kRecordBytesMax. Answered by onAppended or onAppendUnknown, or
  // never; not before it returns.
  virtual AppendId append(std::string_view bytes) = 0;
  // Asks for one record that is known to be there. Answered by onFetched, by onLogLost, or never.
  virtual void fetch(LogSequence sequence) = 0;
  // Delivers every record from `from` on by onRecord, those that come later too, until it is called
  // again (what was under way is dropped). 0: none any more.
  virtual void follow(LogSequence from) = 0;
  virtual LogState state() const = 0;
  // Delivers what came since the last call. The listener may call anything of this but poll().
  virtual void poll(LogListener& listener) = 0;
};

}  // namespace holdfast::replication
