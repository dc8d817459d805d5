#include "replication/log_rule.h"

namespace holdfast::replication {

std::string named(const LogPoint& at) {
  return "epoch " + std::to_string(at.epoch) + ", frame " + std::to_string(at.index);
}

bool LogRule::take(const RecordHead& record) {
  switch (record.kind) {
    case RecordHead::Kind::kTakeOver:
      if (record.at != at_) return false;
      ++at_.epoch;
      return true;
    case RecordHead::Kind::kFrame:
      if (record.at != LogPoint{at_.epoch, at_.index + 1}) return false;
      ++at_.index;
      return true;
    case RecordHead::Kind::kBeat:
    case RecordHead::Kind::kRetire:
      break;
  }
  return record.at.epoch == at_.epoch;
}

bool LogRule::isOfAnotherLog(const RecordHead& record) const {
  return record.at.epoch > at_.epoch ||
         (record.kind == RecordHead::Kind::kTakeOver && record.at.epoch == at_.epoch &&
          record.at.index > at_.index);
}

std::string LogRule::ofAnotherLog(uint64_t sequence, const RecordHead& record) const {
  return "record " + std::to_string(sequence) + " is of " + named(record.at) +
         ", and what is before it leads to " + named(at_) + " only";
}

}  // namespace holdfast::replication
