// Engines' events as inputs of the controller: on its loop. Each source is a worker of the
// registry, whose record keeps how it is reached and up to where it was read.
#pragma once

#include <kj/async.h>
#include <kj/timer.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/controller.h"
#include "core/engine_source.h"
#include "core/notice_sink.h"
#include "core/source_table.h"
#include "gateways/engine_events/handover.h"
#include "gateways/engine_events/streams.h"
#include "gateways/zmq/socket_thread.h"
#include "hashing/hash_doctor.h"

namespace holdfast::engines {

struct IntakeOptions {
  StreamsOptions streams;
  // Of what was applied when messages are lost: kept, or forgotten. Forgotten is right: what is
  // announced from then on is there. Kept, what engines dropped meanwhile is still looked up.
  bool keepAfterLoss = false;
  uint64_t heartbeatTimeoutMs = 30'000;  // as the registry's
  size_t sourcesMax = 16'384;
  // Told of an engine of which messages are lost, again after a start; may have it empty its cache.
  // May be null.
  std::function<void(const EngineSource&)> onLost = {};
};

// On the loop's thread. Begins to read what the registry knows of when it is made, or, for a
// follower of a group, with begin().
class Intake final : public SourceTable, private kj::TaskSet::ErrorHandler {
 public:
  // References outlive it. `random` gives 64 random bits; `doctor` is shown how engines hash.
  Intake(Controller& controller, gateways::SocketThread& thread, kj::Timer& timer,
         NoticeSink& notices, HashDoctor& doctor, std::function<uint64_t()> random,
         const IntakeOptions& options);
  // stop() comes before, and has resolved.
  ~Intake() noexcept override;

  // The controller has followed another one, and leads now.
  void begin();
  // The sources of the configuration file: those that it has no longer are removed.
  void configure(const std::vector<EngineSource>& sources);
  // Ten times a second.
  void tick();
  // Nothing is taken any more; what is on its way is dropped, and comes again.
  kj::Promise<void> stop();

  // --- SourceTable ---
  Result<Ticket> add(const EngineSource& source) override;
  Result<Ticket> remove(std::string_view instance, std::optional<uint32_t> rank) override;
  const EngineSource* find(const SourceName& name) const override;
  std::vector<SourceState> list(const SourceName* after, size_t max) const override;
  SourceTotals totals() const override;

 private:
  struct Entry;
  class Taking;

  // Why a step could not be taken.
  enum class Taken : uint8_t { kYes, kLater, kNever };

  kj::Promise<void> take(Handover&& handover);
  kj::Promise<void> takeOn(kj::Own<Taking> taking);
  kj::Promise<void> takeOn(kj::Own<Taking> taking, kj::Duration after);
  void hear(const SourceNews& news);
  Taken takeStep(Entry& entry, const Step& step, size_t& done);
  Taken takeOperations(Entry& entry, const Step& step, size_t& done);
  Taken takeClear(Entry& entry, const Step& step);
  Taken takeLoss(Entry& entry, const Step& step);
  Taken clear(Entry& entry, const std::string& name, const std::optional<SourcePosition>& position);
  void lose(Entry& entry, const std::string& name);
  Taken needSession(Entry& entry);
  Taken needLocation(Entry& entry, const std::string& name);
  Taken registerAgain(Entry& entry, const std::optional<LocationStatement>& added);
  Result<Ticket> registerAnew(Entry& entry);
  Registration registrationOf(const Entry& entry) const;
  // Null where it is not the registry's any more.
  const Worker* workerOf(const Entry& entry) const;
  std::vector<std::string> locationsOf(const Entry& entry) const;
  Entry& place(const EngineSource& source);
  void open(Entry& entry);
  void leave(Entry& entry);
  void reopen(Entry& entry);
  void drop(const SourceName& name);
  void count(const SourceNews& before, const SourceNews& after);
  void taskFailed(kj::Exception&& exception) override;
  uint64_t nowMs() const;

  Controller& controller_;
  gateways::SocketThread& thread_;
  kj::Timer& timer_;
  NoticeSink& notices_;
  HashDoctor& doctor_;
  const std::function<uint64_t()> random_;
  const IntakeOptions options_;
  std::map<SourceName, std::unique_ptr<Entry>> entries_;
  std::map<SourceId, Entry*> byId_;
  std::unique_ptr<Streams> streams_;
  SourceId nextId_ = 1;
  bool stopping_ = false;
  std::set<SourceName> gone_;  // somebody else forgot them: to be dropped between inputs
  SourceTotals totals_;        // but for the number of sources
  kj::TaskSet tasks_;
};

}  // namespace holdfast::engines
