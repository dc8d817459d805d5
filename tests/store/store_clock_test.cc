// Store time: what follows from the clocks of then and now.
#include "store/store_clock.h"

#include <gtest/gtest.h>

#include "format/keys.h"
#include "format/registry_records.h"
#include "raw_store.h"
#include "store_fixture.h"
#include "tests/support/message_of.h"

namespace holdfast {
namespace {

TEST(StoreTime, FollowsTheBootAndOnlyOverBootsTheWallClock) {
  constexpr uint64_t kHour = 3'600'000;
  constexpr uint64_t kWall = 1'700'000'000'000;
  struct Row {
    const char* what;
    TimeRecord now;
    uint64_t passedMs;
  };
  const TimeRecord last{
      .storeMs = kWall + 7 * kHour, .wallMs = kWall, .bootMs = 50 * kHour, .boot = "one"};
  const Row rows[] = {
      {"an hour later", {0, kWall + kHour, 51 * kHour, "one"}, kHour},
      {"the wall clock went ahead", {0, kWall + 900 * kHour, 51 * kHour, "one"}, kHour},
      {"the wall clock went back", {0, kWall - 900 * kHour, 51 * kHour, "one"}, kHour},
      {"another boot", {0, kWall + 3 * kHour, kHour, "two"}, 3 * kHour},
      {"another boot, the wall clock went back", {0, kWall - kHour, kHour, "two"}, 0},
      {"another boot, a wall clock that nobody believes",
       {0, kWall + 1'000'000 * kHour, kHour, "two"},
       kAwayMsMax},
      {"this boot, counted from a later moment", {0, kWall + 2 * kHour, kHour, "one"}, 2 * kHour},
      {"no boot is known", {0, kWall + 2 * kHour, 51 * kHour, ""}, 2 * kHour},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(storeTimeAt(last, row.now), last.storeMs + row.passedMs) << row.what;
  }
  EXPECT_EQ(storeTimeAt(std::nullopt, last), kWall)
      << "a new store begins at the wall clock's time";
}

using StoreTimeTest = StoreFixture;

TEST_F(StoreTimeTest, GoesOnWhereTheStoreWas) {
  const auto stored = [&] {
    return decodeTime(rawGet(dir_ + "/data", "default", std::string(kTimeKey))).value();
  };
  uint64_t before = 0;
  uint64_t after = 0;
  {
    auto store = open();
    addWorker(*store, "a", 0);
    before = store->timeMs();
    EXPECT_EQ(messageOf(store->close()), "");
    after = store->timeMs();
  }
  TimeRecord record = stored();
  EXPECT_LE(record.storeMs, after);
  EXPECT_NE(record.boot, "");
  // As if a year had been counted here that the wall clock knows nothing of.
  constexpr uint64_t kYear = uint64_t{365} * 24 * 3'600'000;
  record.storeMs += kYear;
  rawPut(dir_ + "/data", "default", std::string(kTimeKey), encodeRecord(record));
  {
    auto store = open();
    EXPECT_GE(store->timeMs(), before + kYear);
    addWorker(*store, "a", 1);
  }
  EXPECT_GE(stored().storeMs, before + kYear) << "it is stored again";
  // What cannot be read is no reason not to start.
  rawPut(dir_ + "/data", "default", std::string(kTimeKey), "nonsense");
  EXPECT_NE(open(), nullptr);
}

}  // namespace
}  // namespace holdfast
