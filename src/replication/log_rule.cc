#include "replication/log_rule.h"

namespace holdfast::replication {

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

}  // namespace holdfast::replication
