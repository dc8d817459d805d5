#include "tests/simulation/operation_truth.h"

#include <gtest/gtest.h>

namespace holdfast::test {

void OperationTruth::began(uint64_t run, uint64_t number) {
  EXPECT_TRUE(deeds_.emplace(std::pair(run, number), std::nullopt).second) << "begun twice";
}

void OperationTruth::ended(uint64_t run, uint64_t number, const OperationOutcome& outcome) {
  deeds_.at({run, number}) = outcome;
}

void OperationTruth::settled(const EventRecord& event) {
  if (event.kind != OperationKind::kHealth) settled_.emplace(event.number, event);
}

void OperationTruth::check(const EventLog& log) {
  for (const auto& [serial, event] : log.bySerial()) {
    const EventRecord& record = event->record;
    for (const RankRecord& rank : record.ranks) checkRank(record, rank);
    if (record.kind == OperationKind::kHealth) continue;  // leaves no event
    if (event->recorded) recorded_[record.id] = record.number;
    const auto before = settled_.find(record.number);
    if (before != settled_.end()) {
      ASSERT_TRUE(event->settled) << record.id << " had ended";
      ASSERT_EQ(before->second, record) << "an event changed after its end";
    } else if (event->settled) {
      settled(record);
    }
  }
  for (const auto& [id, number] : recorded_) {
    const Event* event = log.byId(id);
    ASSERT_TRUE((event != nullptr && event->record.number == number) || settled_.contains(number))
        << id << " is lost";
  }
}

void OperationTruth::checkRank(const EventRecord& event, const RankRecord& rank) const {
  const auto deed = deeds_.find({rank.run, event.number});
  const bool ended = deed != deeds_.end() && deed->second.has_value();
  switch (rank.status) {
    case RankStatus::kDone:
      ASSERT_TRUE(ended && deed->second->status == OperationOutcome::Status::kDone);
      ASSERT_EQ(deed->second->numTokens, rank.numTokens);
      break;
    case RankStatus::kFailed:
      ASSERT_TRUE(ended && deed->second->status == OperationOutcome::Status::kFailed);
      break;
    case RankStatus::kPending:
    case RankStatus::kNeverRun:
      ASSERT_EQ(deed, deeds_.end()) << event.id << " rank " << rank.worker << " has run it";
      break;
    default:
      break;  // whatever it did, nobody can tell yet, or any more
  }
}

}  // namespace holdfast::test
