// A batch of the log that does not fit, and where the store stands then.
#include "replication/apply.h"

#include <gtest/gtest.h>

#include "core/registry/registry.h"
#include "replication/frame_body.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_store.h"
#include "tests/support/recorded_notices.h"

namespace holdfast::replication {
namespace {

using test::MemoryStore;

class ApplyTest : public testing::Test {
 protected:
  ApplyTest() { registry_.recover(); }

  static StoreBatch worker(OwnerId instance, OwnerId rank, const std::string& name) {
    StoreBatch batch;
    batch.steps.emplace_back(PutInstance{instance, {name, 1, 0}});
    WorkerRecord record;
    record.instance = name;
    batch.steps.emplace_back(PutWorker{rank, record});
    return batch;
  }
  static StoreBatch ofNobody() {
    StoreBatch batch;
    batch.steps.emplace_back(DropLocation{1, 7});
    return batch;
  }
  std::optional<Error> apply(const FrameBody& body) {
    return replication::apply(body, registry_.replica(), store_, before_, after_);
  }
  std::optional<LogPlace> placeAfterARestart() {
    store_.complete();
    return store_.afterCrash().place;
  }

  test::ManualClock clock_;
  test::IgnoredNotices notices_;
  MemoryStore store_;
  Registry registry_{{}, clock_, store_, notices_};
  const LogPlace before_{"memory", 1, 5, 50, 0};
  const LogPlace after_{"memory", 1, 6, 51, 0};
};

TEST_F(ApplyTest, EachWriteMovesThePlace) {
  const FrameBody body{.owners = {{"a", {}}, {"a", 0}, {"b", {}}, {"b", 0}},
                       .writes = {worker(0, 1, "a"), worker(2, 3, "b")}};
  EXPECT_FALSE(apply(body));
  store_.complete(1);
  EXPECT_EQ(store_.afterCrash().place, (LogPlace{"memory", 1, 5, 50, 1}));
  EXPECT_EQ(placeAfterARestart(), after_);
}

// Folds are written still: they must not say that the store has what did not fit.
TEST_F(ApplyTest, WhatIsWrittenAfterAWriteThatDidNotFitDoesNotPassIt) {
  const FrameBody body{.owners = {{"a", {}}, {"a", 0}},
                       .writes = {worker(0, 1, "a"), ofNobody(), worker(0, 1, "a")}};
  EXPECT_TRUE(apply(body));
  store_.write({});
  EXPECT_EQ(placeAfterARestart(), (LogPlace{"memory", 1, 5, 50, 1}));
}

TEST_F(ApplyTest, NorWhereItIsTheOnlyOne) {
  const FrameBody body{.owners = {{"a", {}}, {"a", 0}}, .writes = {ofNobody()}};
  EXPECT_TRUE(apply(body));
  store_.write({});
  EXPECT_EQ(placeAfterARestart(), before_);
}

}  // namespace
}  // namespace holdfast::replication
