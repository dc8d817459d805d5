// Which records of the log count, and for what: a function of the log's prefix, the same for every
// reader, the leader included. No clock is part of it, nor who says what to whom.
//
// Why not the engine's own check: a publisher of JetStream's may name the sequence that it expects
// to be the last one. That fences nobody who has several records under way: when a foreign record
// has taken the place of one, the next one of the row finds the number that it expects, and is
// stored and acknowledged. So a record that the log has taken counts for nothing by that alone.
#pragma once

#include <cstdint>
#include <string>

namespace holdfast::replication {

// A point of the log, as the valid records up to it lead to it.
struct LogPoint {
  uint64_t epoch = 0;  // valid take-overs
  uint64_t index = 0;  // valid frames, of all epochs

  friend bool operator==(const LogPoint&, const LogPoint&) = default;
};

// What the rule needs of a record.
struct RecordHead {
  enum class Kind : uint8_t { kTakeOver, kBeat, kRetire, kFrame };
  Kind kind = Kind::kBeat;
  LogPoint at;         // of a take-over: its base; of a frame: itself; else only the epoch
  uint64_t nonce = 0;  // of a take-over
};

// For people: "epoch 3, frame 17".
std::string named(const LogPoint& at);

class LogRule {
 public:
  // Reads on from a point; by default from the beginning of a log.
  explicit LogRule(LogPoint at = {}) : at_(at) {}

  // Takes the next record of the log, in order. Whether it is valid: a take-over whose base is this
  // point (a new epoch begins), a frame of this epoch with the next index, a beat or a retirement
  // of this epoch. Everything else is void, whoever wrote it, and changes nothing.
  bool take(const RecordHead& record);

  // Whether the next record proves that its writer read another log than this one: whoever begins
  // an epoch or writes in it has read what leads there, and that stands before the record in every
  // copy of one log. An engine that had kept its promises would never deliver such a record.
  bool isOfAnotherLog(const RecordHead& record) const;
  // Says so, of the record with this sequence.
  std::string ofAnotherLog(uint64_t sequence, const RecordHead& record) const;

  const LogPoint& at() const { return at_; }

 private:
  LogPoint at_;
};

}  // namespace holdfast::replication
