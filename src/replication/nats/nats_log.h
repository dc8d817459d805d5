// A group's log on NATS JetStream: the stream HF-<cluster>-<shard>.
//
// Threads of its own: one publishes (a call of the library may take some ms, or as long as a server
// takes nothing), one reads what follow() wants, one asks (fetches, and once a second whether the
// stream is still the one that it was) and connects anew where the library has given up; the
// library's own deliver acknowledgements. What they find out waits for poll().
#pragma once

#include <memory>

#include "core/result.h"
#include "replication/log.h"
#include "replication/nats/nats_options.h"

namespace holdfast::replication {

class NatsLog final : public Log {
 public:
  // Connects, makes the stream where there is none and was none, and checks it; takes some seconds
  // at most. The error says what is wrong, where, and what to do. A connection that is lost later
  // comes back by itself; state() says meanwhile what is wrong.
  static Result<std::unique_ptr<NatsLog>> open(const NatsOptions& options);
  // Ends all threads; takes some seconds at most, where servers do not answer. What is under way
  // may still come to be in the log.
  ~NatsLog() override;
  NatsLog(const NatsLog&) = delete;
  NatsLog& operator=(const NatsLog&) = delete;

  AppendId append(std::string_view bytes) override;
  // Takes the place of one that was not asked for yet.
  void fetch(LogSequence sequence) override;
  void follow(LogSequence from) override;
  LogState state() const override;
  void poll(LogListener& listener) override;

 private:
  struct Impl;
  explicit NatsLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::replication
