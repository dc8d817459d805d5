// What is measured of cache operations that have settled.
#include "serving/measurements.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

EventRecord settled(OperationKind kind, RankStatus second) {
  EventRecord event;
  event.kind = kind;
  event.createdStoreMs = 1'000;
  event.finishedStoreMs = 1'250;
  event.ranks = {{.worker = 0, .numTokens = 7, .error = {}, .status = RankStatus::kDone},
                 {.worker = 1, .numTokens = 7, .error = {}, .status = second}};
  return event;
}

TEST(Measurements, TellDoneFromFailedByKindAndHowLongItTook) {
  Measurements measured;
  measured.settled(settled(OperationKind::kPin, RankStatus::kDone));
  measured.settled(settled(OperationKind::kPin, RankStatus::kTimedOut));
  measured.settled(settled(OperationKind::kMove, RankStatus::kDone));
  const auto& pins = measured.operations[static_cast<size_t>(OperationKind::kPin)];
  EXPECT_EQ(pins.done, 1u);
  EXPECT_EQ(pins.failed, 1u);
  EXPECT_EQ(pins.milliseconds.count(), 2u);
  EXPECT_EQ(pins.milliseconds.sum(), 500u);
  const auto& moves = measured.operations[static_cast<size_t>(OperationKind::kMove)];
  EXPECT_EQ(moves.done, 1u);
  EXPECT_EQ(moves.failed, 0u);
}

// A clock that was set back must not make an operation last for centuries.
TEST(Measurements, TakeAnEndBeforeTheBeginForNoTime) {
  Measurements measured;
  EventRecord event = settled(OperationKind::kClear, RankStatus::kDone);
  event.finishedStoreMs = 10;
  measured.settled(event);
  EXPECT_EQ(measured.operations[static_cast<size_t>(OperationKind::kClear)].milliseconds.sum(), 0u);
}

}  // namespace
}  // namespace holdfast
