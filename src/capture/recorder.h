// Observes the controller and writes every input into a log, while one is kept.
#pragma once

#include <capnp/message.h>

#include <cstdint>
#include <memory>
#include <string>

#include "capture/log_writer.h"
#include "core/controller.h"
#include "core/notice_sink.h"
#include "schema/capture.capnp.h"

namespace holdfast {

// One thread, the controller's.
class Recorder final : public InputObserver {
 public:
  // Keeps the references. A notice goes to `notices` where a log cannot go on.
  Recorder(Controller& controller, NoticeSink& notices);
  // A log that is still kept has no last entry.
  ~Recorder() override;
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  struct Beginning {
    std::string clusterId;   // of the store
    std::string checkpoint;  // of the state as it is now, within the log's folder; empty: it is new
    bool redact = false;     // prompt tokens are left out
  };
  // From now on every input goes into this log, which begins with the state as it is: that of a
  // start, or of Controller::restart(). None is kept yet.
  void begin(std::unique_ptr<LogWriter> log, const Beginning& beginning);
  // False also where a log could not go on.
  bool recording() const { return log_ != nullptr; }
  // Of entries, since the start, in all logs; without the checkpoints that they begin with.
  uint64_t bytes() const { return closedBytes_ + (log_ == nullptr ? 0 : log_->bytes()); }
  // Of the log that is kept; empty: none is.
  std::string folder() const { return log_ == nullptr ? std::string() : log_->folder(); }

  enum class End { kProcessEnded, kSwitchedOff };
  // Whatever came is in the log when this returns. Nothing happens where none is kept.
  void end(End why);

  void taken(const TakenInput& taken) override;

 private:
  // Most entries fit; it is handed back zeroed.
  static constexpr size_t kScratchWords = 8192;

  schema::CaptureEntry::Builder beginEntry(capnp::MessageBuilder& message) const;
  void append(capnp::MessageBuilder& message);
  void giveUp();
  // With this last entry.
  void close(capnp::MessageBuilder& last);

  Controller& controller_;
  NoticeSink& notices_;
  std::unique_ptr<LogWriter> log_;
  bool redact_ = false;
  uint64_t closedBytes_ = 0;  // of logs that have ended
  kj::Array<capnp::word> scratch_;
};

}  // namespace holdfast
