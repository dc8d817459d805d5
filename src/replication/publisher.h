// A leader's way into the log: frames are appended in a pipeline, and confirmed when the leader's
// own reading of the log says that they are valid.
//
// It reads the log by what the engine acknowledges: where a record of its own stands under the next
// sequence, that sequence is read; a sequence of which nothing is known while a later one was
// acknowledged is fetched. So nothing is fetched while nothing goes wrong. A frame that turns out
// to be void (it overtook the one before it, or that was lost) is appended again, and so is one of
// which nothing was heard, after what was appended later came through, or for too long. Where the
// engine refuses, the first one alone is tried again, now and then, until it is taken.
//
// Deterministic: time comes by argument. Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/placed_store.h"
#include "core/result.h"
#include "replication/log.h"
#include "replication/log_rule.h"
#include "replication/records.h"

namespace holdfast::replication {

struct PublisherOptions {
  // Under way at once. A record is always taken while nothing is.
  size_t windowBytes = size_t{8} << 20;
  size_t windowRecords = 512;
  // Nothing was heard of a record, or of a fetch: it is sent again.
  uint64_t silenceMsMax = 1000;
  // After a refusal nothing is sent for so long.
  uint64_t refusedMs = 150;
};

// Where a reader of the log stands: what it has read, and to which point that led.
struct LogPosition {
  LogPoint at;
  LogSequence sequence = 0;

  friend bool operator==(const LogPosition&, const LogPosition&) = default;
};

// The same as a store has it.
inline LogPlace placeAt(std::string identity, const LogPosition& position) {
  return {std::move(identity), position.at.epoch, position.at.index, position.sequence, 0};
}

class Publisher final {
 public:
  // `from`: the leader's own take-over was read there as valid. `log` outlives it, and is polled by
  // its owner, who hands on what comes.
  Publisher(Log& log, LogPosition from, PublisherOptions options = {});
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // --- What the leader does ---

  bool hasRoom(size_t bytes) const;
  // The point of the next frame that is published.
  LogPoint next() const { return {rule_.at().epoch, nextIndex_}; }
  // Appends frames that encodeFrames(body, next(), ...) made, in order. hasRoom() is the caller's.
  // Dropped when deposed or failed.
  void publish(std::vector<std::string> frames, uint64_t nowMs);
  // Appends a beat or a retirement of this epoch; nobody waits for them, nor sends them again. 0:
  // it has ended.
  AppendId announce(const std::string& record);

  // --- What came ---

  void onAppended(AppendId id, LogSequence sequence, uint64_t nowMs);
  void onAppendUnknown(AppendId id, const Error& why, uint64_t nowMs);
  void onFetched(LogSequence sequence, std::string_view bytes, uint64_t nowMs);
  // From time to time, several times within silenceMsMax.
  void tick(uint64_t nowMs);

  // --- How far it is ---

  // Read, and everything of it valid or void for good. Frames up to at.index are confirmed.
  LogPosition read() const { return {rule_.at(), read_}; }
  // Frames confirmed since the last call, in order, each with the sequence that it stands under.
  std::vector<LogPosition> takeConfirmed();
  // Another one leads: nothing is confirmed and nothing published any more.
  bool deposed() const { return deposed_.has_value(); }
  const TakeOver& deposedBy() const { return *deposed_; }
  // What is read contradicts what the log is: it was made anew or cut. As if deposed.
  const std::optional<Error>& failure() const { return failure_; }
  // When the newest record was acknowledged up to which the log is read: it led then; 0: not yet.
  // That something was acknowledged says less, since a take-over may stand before it.
  uint64_t ledMs() const { return ledMs_; }
  size_t underWay() const { return frames_.size(); }
  // When the oldest frame that is not confirmed was published. Nothing: none waits.
  std::optional<uint64_t> waitingSinceMs() const;
  // Why the engine did not take that one, or one behind it; empty: it does, or says nothing.
  const std::string& refusal() const { return refusal_; }
  // Appended again, and fetched, since the beginning.
  uint64_t repeated() const { return repeated_; }
  uint64_t fetched() const { return fetched_; }

 private:
  struct Sent {
    std::string bytes;
    AppendId id = 0;        // of the last time that it was appended
    LogSequence after = 0;  // what was known to be in the log then: it can only stand behind that
    uint64_t sentMs = 0;    // then
    uint64_t publishedMs = 0;
    bool placed = false;  // it is known where that stands, which is not read yet
    bool again = false;   // is to be appended again
  };
  struct Placed {
    uint64_t index = 0;  // of a frame; 0: a beat or a retirement
    AppendId id = 0;
    uint64_t acknowledgedMs = 0;
  };

  bool ended() const { return deposed_ || failure_; }
  Sent* frame(uint64_t index);          // null: not under way
  uint64_t indexOf(AppendId id) const;  // of the frame that was last appended so; 0: none
  void append(Sent& frame, uint64_t nowMs);
  void appendAgain(uint64_t nowMs);
  // Reads on as far as is known, and asks for what is not.
  void readOn(uint64_t nowMs);
  void readOwn(const Placed& record);
  void readForeign(std::string_view bytes);
  void readHead(const RecordHead& head);
  void missing(AppendId before);
  void fetchNext(uint64_t nowMs);
  void fail(std::string why);

  Log& log_;
  const PublisherOptions options_;
  LogRule rule_;
  LogSequence read_;
  LogSequence last_;  // the highest sequence that is known to be there
  uint64_t nextIndex_;

  std::deque<Sent> frames_;  // not confirmed; the first one is frame rule_.at().index + 1
  size_t bytes_ = 0;         // of these
  std::map<LogSequence, Placed> placed_;  // what is known to stand above read_
  std::deque<AppendId> announced_;        // beats and retirements, until they are acknowledged
  LogSequence fetching_ = 0;              // 0: nothing
  uint64_t fetchingSinceMs_ = 0;
  RecordDecoder decoder_;
  std::string refusal_;       // not empty: only the first frame is tried again
  uint64_t notBeforeMs_ = 0;  // and not earlier
  std::vector<LogPosition> confirmed_;
  std::optional<TakeOver> deposed_;
  std::optional<Error> failure_;
  uint64_t lastMs_ = 0;  // when last_ was acknowledged
  uint64_t ledMs_ = 0;
  uint64_t repeated_ = 0;
  uint64_t fetched_ = 0;
};

}  // namespace holdfast::replication
