// Where a store of a group stands in the group's log: it is there together with what it covers.
#include <gtest/gtest.h>

#include <filesystem>

#include "store_fixture.h"
#include "tests/support/message_of.h"

namespace holdfast {
namespace {

class LogPlaceTest : public StoreFixture {
 protected:
  StoreOptions following() const {
    StoreOptions following = options();
    following.followsLog = true;
    return following;
  }
  static LogPlace placeOf(uint64_t index) {
    return {.identity = "log", .epoch = 3, .index = index, .sequence = 2 * index, .writes = 1};
  }
  // Each report of one key is a frame of its own.
  Ticket report(RocksStore& store) {
    store.reach(placeOf(content_.lastSeq + 1));
    return admit(store, owner_, content_, {content_.lastSeq + 1});
  }
  std::unique_ptr<RocksStore> openWithReports(uint64_t count) {
    auto store = open(following());
    EXPECT_FALSE(store->place());
    owner_ = addWorker(*store, "a", 0);
    for (uint64_t i = 0; i < count; ++i) report(*store);
    return store;
  }
  uint64_t lastSeq() const { return sink_->content().workers.at({"a", 0}).locations.at(0).lastSeq; }

  OwnerId owner_ = kNoOwner;
  StoredLocation content_;
};

TEST_F(LogPlaceTest, IsThatOfTheLastWrite) {
  auto store = openWithReports(1000);
  EXPECT_EQ(messageOf(store->close()), "");
  store = open(following());
  EXPECT_EQ(store->place(), placeOf(1000));
  // What does not come of the log does not move it.
  store->write({});
  EXPECT_EQ(messageOf(store->close()), "");
  EXPECT_EQ(open(following())->place(), placeOf(1000));
}

TEST_F(LogPlaceTest, OfACopyIsThatOfTheLastWriteInIt) {
  auto store = openWithReports(700);
  bool copied = false;
  EXPECT_FALSE(store->checkpoint({dir_ + "/copy", ""}, [&](const CheckpointResult& result) {
    EXPECT_EQ(messageOf(result.error), "");
    copied = true;
  }));
  for (int i = 0; i < 300; ++i) report(*store);
  EXPECT_TRUE(events_->wait(*store, [&] { return copied; }));
  EXPECT_EQ(messageOf(store->close()), "");
  StoreOptions ofCopy = following();
  ofCopy.dataDir = dir_ + "/copy";
  EXPECT_EQ(open(ofCopy)->place(), placeOf(700));
  EXPECT_EQ(lastSeq(), 700u);
}

TEST_F(LogPlaceTest, IsForgottenByAStoreThatIsWrittenToByItself) {
  auto store = openWithReports(1);
  EXPECT_EQ(messageOf(store->close()), "");
  EXPECT_EQ(messageOf(open()->close()), "");
  EXPECT_FALSE(open(following())->place());
}

TEST_F(LogPlaceTest, IsNotSaidOfAStoreThatHasLostSomething) {
  auto store = openWithReports(0);
  // Two writes: only the last of them is cut.
  for (int i = 0; i < 100; ++i) report(*store);
  EXPECT_TRUE(committed(*store, report(*store)));
  EXPECT_TRUE(committed(*store, report(*store)));
  EXPECT_EQ(messageOf(store->close()), "");
  std::filesystem::path newest;
  for (const auto& file : std::filesystem::directory_iterator(options().dataDir)) {
    if (file.path().extension() == ".log" && file.path() > newest) newest = file.path();
  }
  ASSERT_GT(std::filesystem::file_size(newest), 20u);
  std::filesystem::resize_file(newest, std::filesystem::file_size(newest) - 20);
  store = open(following());
  EXPECT_EQ(lastSeq(), 101u);
  EXPECT_FALSE(store->place());
}

}  // namespace
}  // namespace holdfast
