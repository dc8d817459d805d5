// What came and went, for those who watch: a bounded ring of numbered events. Each watcher reads
// from where it stopped, also over another connection, and is told where there is a hole.
#pragma once

#include <kj/async.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/notice.h"
#include "core/registry/registry_tree.h"
#include "core/result.h"
#include "serving/watch_event.h"

namespace holdfast {

// Why a watcher begins anew: between the last event that it knows and the next one there is a hole.
enum class WatchReset : uint8_t {
  kBegin,      // it knows none
  kRestarted,  // that was of another process, which knows nothing of this one's
  kTooOld,     // what followed is not kept any more
  kUnknown,    // no event has such an id
};
std::string_view nameOf(WatchReset reset);  // "restarted"

// On the loop's thread.
class WatchLog final : public NoticeSink {
 public:
  // Events that are kept: some 130 bytes each, at most about 2 KiB.
  static constexpr size_t kEventsKept = 16'384;
  static constexpr size_t kWatchersMax = 1'024;

  // Hands each notice on to `next`. `epoch`: random, of this process. Both references outlive it.
  WatchLog(NoticeSink& next, const Clock& clock, uint64_t epoch, size_t eventsKept = kEventsKept)
      : next_(next), clock_(clock), epoch_(epoch), eventsKept_(eventsKept) {}

  void notice(const Notice& notice) override;
  // Who is up at the start; before the first input.
  void begin(const RegistryTree& recovered);

  class Watcher {
   public:
    ~Watcher();
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    // Nothing: it goes on behind the event that it knows.
    std::optional<WatchReset> reset() const { return reset_; }
    // Of the last event that it was given, or behind which it begins: what watch() understands.
    std::string id() const;
    // The next event, valid until the next call; null if there is none yet, or if it fellBehind().
    const WatchEvent* next();
    // What would be next is not kept any more.
    bool fellBehind() const;
    // Resolves when there may be another one. One call at a time.
    kj::Promise<void> arrival();

   private:
    friend class WatchLog;
    Watcher(WatchLog& log, uint64_t number, std::optional<WatchReset> reset);

    WatchLog& log_;
    uint64_t number_;  // of the last event that it was given
    WatchEvent given_;
    const std::optional<WatchReset> reset_;
    kj::Own<kj::PromiseFulfiller<void>> waiting_;
    std::list<Watcher*>::iterator place_;
  };

  // `lastId`: of the last event that the watcher knows; empty: none. The log outlives it.
  // kUnavailable where there are too many.
  Result<std::unique_ptr<Watcher>> watch(std::string_view lastId);
  size_t watchers() const { return watchers_.size(); }

 private:
  struct Translation;
  void add(const WatchEvent& event);
  void up(const WorkerName& worker, const std::string& address, const std::string& model);
  void down(const WorkerName& worker, std::string_view cause, bool forgotten);
  uint64_t oldest() const { return newest_ + 1 - events_.size(); }
  std::optional<WatchReset> resetFor(std::string_view lastId, uint64_t& number) const;

  NoticeSink& next_;
  const Clock& clock_;
  const uint64_t epoch_;
  const size_t eventsKept_;
  std::deque<PackedWatchEvent> events_;
  uint64_t newest_ = 0;                           // number of the last one
  std::map<std::string, std::set<uint32_t>> up_;  // ranks that are up, of instances that are
  std::list<Watcher*> watchers_;
};

}  // namespace holdfast
