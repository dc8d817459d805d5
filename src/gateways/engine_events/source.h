// Where we are in the event stream of one engine: what comes next, what is held because something
// before it is missing, what a replay is to bring, and whether the process behind it is still the
// same. A pure state machine: no sockets, clock or threads.
//
// The facts it goes by (vLLM 0.9 to 0.33, SGLang 0.5): messages are numbered from 0 by each process
// of an engine; nothing else tells one process from the next. A replay answers with what the engine
// still has from a number on, then with an end; asked from beyond the end, with the end alone. It
// may begin later than asked and may have holes, without an error; the end may not come at all; and
// a number whose message could not be encoded never comes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/source_position.h"

namespace holdfast::engines {

// Bytes of messages that are held, of all sources.
struct HeldMessages {
  static constexpr size_t kOfOneMax = size_t{16} << 20;
  static constexpr size_t kOfAllMax = size_t{256} << 20;
  size_t bytes = 0;
};

class Source {
 public:
  // What follows from what came, in order.
  class Sink {
   public:
    virtual ~Sink() = default;
    // The next message; `replayed`: it came by a replay. False: it cannot be read.
    virtual bool apply(uint64_t seq, std::string_view payload, bool replayed) = 0;
    // Another process with an empty cache: nothing of what was applied is true any more.
    virtual void restarted() = 0;
    // These messages cannot be had any more: what was applied may be wrong, from here on.
    virtual void lost(uint64_t from, uint64_t to) = 0;
    // Ask for a replay, on a new connection; an older one is of no interest any more.
    virtual void askReplay(uint64_t from) = 0;
  };

  struct Options {
    bool canReplay = true;
    // Without anything of a replay for so long it has failed.
    uint64_t replayTimeoutMs = 3'000;
    // In a row: then what is missing is lost, and who cannot be compared is taken for another one.
    uint32_t replayFailuresMax = 3;
    // Without a message for so long a replay is asked for: the last one may have been lost on its
    // way. Then after twice as long, and so on up to the most.
    uint64_t silenceMs = 5'000;
    uint64_t silenceMsMax = 60'000;
  };

  struct Counts {
    uint64_t messages = 0;  // applied
    uint64_t replayed = 0;  // of these, by a replay
    uint64_t again = 0;     // known already: ignored
    uint64_t unreadable = 0;
    uint64_t gaps = 0;      // times that something was found missing
    uint64_t lost = 0;      // messages that never came
    uint64_t restarts = 0;  // of the engine's process
    uint64_t replays = 0;   // asked for
    uint64_t heldOver = 0;  // not held, because too much was
  };

  // `position`: of the last message that was applied in a former life of ours; absent: none.
  Source(const Options& options, Sink& sink, HeldMessages& held,
         std::optional<SourcePosition> position);
  ~Source();
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  // The connection to the engine is there (again): whoever is there may be another process.
  // To be called before what comes over it is passed on.
  void connected(uint64_t nowMs);
  void disconnected();

  // A message that was published, in the order in which they came.
  void live(uint64_t seq, std::string_view payload, uint64_t nowMs);
  // What the newest replay that was asked for brings, and its end.
  void replayed(uint64_t seq, std::string_view payload, uint64_t nowMs);
  void replayEnded(uint64_t nowMs);
  // The replay that was asked for begins only now: it has its time from here.
  void replayBegins(uint64_t nowMs) {
    if (asked_) asked_->deadlineMs = nowMs + options_.replayTimeoutMs;
  }
  // A replay is under way.
  bool asking() const { return asked_.has_value(); }
  // Now and then; the times of different calls do not go back.
  void tick(uint64_t nowMs);

  // The last message that was applied.
  const std::optional<SourcePosition>& position() const { return position_; }
  // Nothing that is known of is missing.
  bool caughtUp() const { return !asked_ && held_.empty() && !unsure_; }
  const Counts& counts() const { return counts_; }

 private:
  struct Replay {
    uint64_t deadlineMs = 0;
    bool compares = false;  // its first message is to be the last one that was applied
    bool anything = false;  // something came
    uint64_t nextAtStart = 0;
    bool afterSilence = false;  // nothing is known to be missing
  };

  bool take(uint64_t seq, std::string_view payload, bool replayed);
  void hold(uint64_t seq, std::string_view payload);
  void dropHeld();
  void drain();
  void settle(uint64_t nowMs, bool whole);
  void ask(uint64_t nowMs);
  void listen(uint64_t nowMs);
  void giveUp();
  void lose(uint64_t upTo);
  void restart();

  const Options options_;
  Sink& sink_;
  HeldMessages& all_;
  std::optional<SourcePosition> position_;
  uint64_t next_ = 0;
  // It is not known whether the engine is the process that we know: since a connection began.
  bool unsure_ = true;
  bool connected_ = false;
  std::optional<uint64_t> newestLive_;  // of this connection
  std::optional<uint64_t> newest_;      // seen of this process, whether or not it was held
  std::map<uint64_t, std::string> held_;
  size_t heldBytes_ = 0;
  std::optional<Replay> asked_;
  uint32_t failures_ = 0;   // replays in a row that brought nothing new
  uint64_t silenceMs_ = 0;  // that is waited for
  uint64_t silentUntilMs_ = UINT64_MAX;
  Counts counts_;
};

}  // namespace holdfast::engines
