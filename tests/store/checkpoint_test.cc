// Copies of a store that is written to: each is of its place in the order of writes.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "store_fixture.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

class CheckpointTest : public StoreFixture {
 protected:
  std::string place(const std::string& name = "copy") const { return dir_ + "/" + name; }

  // Asked for, but not waited for.
  void ask(RocksStore& store, const std::string& path) {
    result_.reset();
    const auto error =
        store.checkpoint(path, [this](const CheckpointResult& result) { result_ = result; });
    EXPECT_FALSE(error) << error->message;
  }
  CheckpointResult wait(RocksStore& store) {
    EXPECT_TRUE(events_->wait(store, [&] { return result_.has_value(); }));
    return result_.value_or(CheckpointResult{});
  }
  std::string errorOf(RocksStore& store, const std::string& path) {
    ask(store, path);
    const CheckpointResult result = wait(store);
    EXPECT_TRUE(result.error);
    return result.error ? result.error->message : "";
  }
  std::set<ChunkHash> keysIn(const std::string& path) {
    StoreOptions options = this->options();
    options.dataDir = path;
    const auto copy = open(std::move(options));
    EXPECT_THAT(sink_->faults, testing::IsEmpty());
    return sink_->content().workers.at({"a", 0}).locations.at(0).keys;
  }

  std::optional<CheckpointResult> result_;
};

TEST_F(CheckpointTest, HoldsWhatWasQueuedBeforeAndNothingBehind) {
  auto store = open();
  const OwnerId owner = addWorker(*store, "a", 0);
  StoredLocation content;
  std::vector<std::set<ChunkHash>> expected;
  Ticket last = 0;
  // All of it is queued at once, so that a group would like to hold both sides of a copy.
  for (uint64_t copy = 0; copy < 4; ++copy) {
    for (uint64_t i = 0; i < 50; ++i) {
      last = admit(*store, owner, content, numbers(1 + copy * 10'000 + i * 100, 100));
    }
    expected.push_back(content.keys);
    ask(*store, place(std::to_string(copy)));
    last = admit(*store, owner, content, {copy * 10'000 + 9'999});
    const CheckpointResult made = wait(*store);
    ASSERT_FALSE(made.error) << made.error->message;
    EXPECT_EQ(made.path, place(std::to_string(copy)));
    EXPECT_GT(made.bytes, 0u);
  }
  EXPECT_TRUE(committed(*store, last));
  EXPECT_EQ(store->close(), "");
  for (uint64_t copy = 0; copy < expected.size(); ++copy) {
    EXPECT_EQ(keysIn(place(std::to_string(copy))), expected[copy]) << copy;
  }
  EXPECT_EQ(keysIn(dir_ + "/data"), content.keys);
}

TEST_F(CheckpointTest, OutlivesTheStore) {
  {
    auto store = open();
    const OwnerId owner = addWorker(*store, "a", 0);
    StoredLocation content;
    EXPECT_TRUE(committed(*store, admit(*store, owner, content, numbers(1, 1000))));
    ask(*store, place());
    EXPECT_FALSE(wait(*store).error);
  }
  std::filesystem::remove_all(dir_ + "/data");
  EXPECT_EQ(keysIn(place()).size(), 1000u);
}

TEST_F(CheckpointTest, OneAtATime) {
  auto store = open();
  ask(*store, place());
  const auto error = store->checkpoint(place("other"), [](const CheckpointResult&) { FAIL(); });
  ASSERT_TRUE(error);
  EXPECT_THAT(error->message, HasSubstr("another copy"));
  EXPECT_FALSE(wait(*store).error);
  ask(*store, place("other"));
  EXPECT_FALSE(wait(*store).error);
}

TEST_F(CheckpointTest, SaysWhatIsWrongWithThePlace) {
  auto store = open();
  std::filesystem::create_directory(place("taken"));
  EXPECT_THAT(errorOf(*store, place("taken")), HasSubstr("taken exists already"));
  std::filesystem::create_directory(place("left.tmp"));
  EXPECT_THAT(errorOf(*store, place("left")), HasSubstr("or remove what was left there"));
  EXPECT_THAT(errorOf(*store, "here"), HasSubstr("not an absolute path"));
  EXPECT_THAT(errorOf(*store, place("no/such")), HasSubstr("No such file or directory"));
  EXPECT_THAT(errorOf(*store, "/proc/copy"), HasSubstr("another file system"));
  EXPECT_THAT(errorOf(*store, dir_ + "/data/copy"), HasSubstr("inside the store's own"));
  // None of this is in the way of the next one.
  ask(*store, place());
  EXPECT_FALSE(wait(*store).error);
}

TEST_F(CheckpointTest, IsWholeOrNotThereWhenTheStoreIsClosedMeanwhile) {
  for (int i = 0; i < 10; ++i) {
    const std::string path = place(std::to_string(i));
    auto store = open();
    const OwnerId owner = addWorker(*store, "a", static_cast<uint32_t>(i));
    StoredLocation content;
    for (ChunkHash n = 0; n < 100; ++n) {
      admit(*store, owner, content, numbers(1 + n * 1000, 1000));
    }
    ask(*store, path);
    EXPECT_EQ(store->close(), "");
    store.reset();
    EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
    if (!std::filesystem::exists(path)) continue;
    EXPECT_EQ(keysIn(path).size(), 100'000u);
  }
}

}  // namespace
}  // namespace holdfast
