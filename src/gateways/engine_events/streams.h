// The sockets of all sources, on the thread of the gateways: each subscribes to its engine, asks it
// for replays, and what comes is read there and handed over to the controller's loop.
#pragma once

#include <kj/async.h>
#include <kj/timer.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "core/engine_source.h"
#include "core/source_position.h"
#include "gateways/engine_events/handover.h"
#include "gateways/engine_events/reader.h"
#include "gateways/waiting.h"
#include "gateways/zmq/connection_events.h"
#include "gateways/zmq/socket.h"

namespace holdfast::engines {

struct StreamsOptions {
  ReadingOptions reading;
  uint64_t replayTimeoutMs = 3'000;
};

// Made, used and destroyed on the socket thread; close() comes before.
class Streams final : private kj::TaskSet::ErrorHandler {
 public:
  // Hands over on the controller's loop; resolves when all of it was taken. Until then nothing more
  // is read than what fits the next one, and what is not read waits in ZeroMQ's bounded queues.
  using Take = std::function<kj::Promise<void>(Handover&&)>;

  // `loop`: the controller's; `take` is called there.
  Streams(gateways::SocketLoop& sockets, const kj::Executor& loop, Take take,
          const StreamsOptions& options);
  ~Streams();

  // Begins to read a source from behind `position` on, of which nothing has been handed over yet
  // under this id.
  void open(SourceId id, const EngineSource& source, std::optional<SourcePosition> position);
  // Nothing of it is handed over any more, but for what is on its way.
  void close(SourceId id);
  // Ends everything; resolves when the last hand-over was taken.
  kj::Promise<void> closeAll();

 private:
  struct Stream;

  // Operations of a hand-over from which nothing more is read until it has gone.
  static constexpr size_t kOperationsMax = size_t{1} << 17;
  static constexpr size_t kMessagesOfTurn = 64;
  // Replays that bring something at a time: each may be all that an engine keeps.
  static constexpr size_t kReplaysMax = 8;

  kj::Promise<void> watch(Stream& stream);
  kj::Promise<void> read(Stream& stream);
  kj::Promise<void> readReplay(Stream& stream);
  kj::Promise<void> tick();
  bool hasRoom() const { return gathering_.handover.operations < kOperationsMax; }
  kj::Promise<void> room();
  void hearConnection(Stream& stream);
  void after(Stream& stream);
  void changed(Stream& stream);
  void startReplays();
  void endReplay(Stream& stream);
  void flush();
  kj::Promise<void> send();
  void taskFailed(kj::Exception&& exception) override;
  uint64_t nowMs() const;

  gateways::SocketLoop& sockets_;
  const kj::Own<const kj::Executor> loop_;
  const Take take_;
  const StreamsOptions options_;
  HeldMessages held_;
  Gathering gathering_;
  std::map<SourceId, std::unique_ptr<Stream>> streams_;
  std::vector<SourceId> touched_;  // by the hand-over that is gathered
  std::deque<SourceId> replaysWaiting_;
  size_t replaysRunning_ = 0;
  bool sending_ = false;
  bool closing_ = false;
  gateways::Waiting waiting_;  // for room, or for the end
  kj::TaskSet tasks_;
};

}  // namespace holdfast::engines
