// Makes entries of inputs and appends them to a log.
#pragma once

#include <capnp/message.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "capture/environment.h"
#include "capture/log_writer.h"
#include "core/messages.h"
#include "core/ticket.h"
#include "schema/capture.capnp.h"

namespace holdfast {

class Recorder {
 public:
  Recorder(std::unique_ptr<LogWriter> log, bool redact)
      : log_(std::move(log)), redact_(redact), scratch_(kj::heapArray<capnp::word>(kScratchWords)) {
    std::memset(scratch_.begin(), 0, scratch_.asBytes().size());
  }

  const LogWriter& log() const { return *log_; }
  bool redacts() const { return redact_; }

  // `fill` sets what the entry is about. False: the log has ended before it.
  template <typename Fill>
  bool add(const Environment::Answers& answers, Ticket queued, SessionId session, Fill fill) {
    capnp::MallocMessageBuilder message(scratch_);
    auto entry = message.initRoot<schema::CaptureEntry>();
    write(answers, queued, entry);
    entry.setSession(session);
    fill(entry);
    return log_->append(message);
  }
  void flush() { log_->flush(); }
  // Ends the log with this entry.
  template <typename Fill>
  void close(const Environment::Answers& answers, Ticket queued, Fill fill) {
    capnp::MallocMessageBuilder message;
    auto entry = message.initRoot<schema::CaptureEntry>();
    write(answers, queued, entry);
    fill(entry);
    log_->close(&message);
  }

 private:
  // Most entries fit; it is handed back zeroed.
  static constexpr size_t kScratchWords = 8192;

  static void write(const Environment::Answers& answers, Ticket queued,
                    schema::CaptureEntry::Builder to) {
    to.setSteadyMs(answers.steadyMs);
    to.setWallMs(answers.wallMs);
    to.setStoreMs(answers.storeMs);
    to.setLastTicket(queued);
    to.setNoRoom(answers.noRoom);
    if (!answers.drawn.empty()) {
      to.setDrawn(kj::arrayPtr(answers.drawn.data(), answers.drawn.size()));
    }
  }

  const std::unique_ptr<LogWriter> log_;
  const bool redact_;
  kj::Array<capnp::word> scratch_;
};

}  // namespace holdfast
