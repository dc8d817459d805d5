// Registry and index against a plain model, on RocksDB: what a killed process leaves behind is what
// the next one finds.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <thread>

#include "store/rocks_store.h"
#include "tests/simulation/registry_world.h"
#include "tests/support/scratch.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

class RocksStoreUnderTest : public StoreUnderTest {
 public:
  RocksStoreUnderTest() { open(); }

  RegistryStore& store() override { return *store_; }
  // The store thread commits when it likes.
  void release(Random&) override {}
  void releaseAll(Ticket upTo) override {
    while (store_->statistics().committed < upTo) std::this_thread::yield();
  }
  bool setWritable(bool) override { return false; }
  // A copy of the directory, made while the process lives, is what a kill would leave: writes reach
  // the operating system before they count as committed.
  Ticket crash(Random&, Ticket written) override {
    releaseAll(written);
    const fs::path next = scratch_.path() / std::to_string(++generation_);
    copyTo(next);
    store_.reset();
    fs::remove_all(directory_);
    open();
    return written;
  }

 private:
  // Names and sizes of the files: the same before and after a copy, so it is of one moment.
  std::map<std::string, uintmax_t> files() const {
    std::map<std::string, uintmax_t> result;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      std::error_code gone;
      result[entry.path().filename().string()] = entry.file_size(gone);
    }
    return result;
  }
  void copyTo(const fs::path& next) {
    for (;;) {
      const auto before = files();
      std::error_code gone;
      fs::copy(directory_, next, fs::copy_options::recursive, gone);
      if (!gone && files() == before) return;
      fs::remove_all(next);
    }
  }

  void open() {
    directory_ = scratch_.path() / std::to_string(generation_);
    StoreOptions options;
    options.dataDir = directory_.string();
    options.create = true;
    options.familiesFree = 4;
    auto opened = RocksStore::open(std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    store_ = std::move(opened.value());
  }

  Scratch scratch_;
  fs::path directory_;
  int generation_ = 0;
  std::unique_ptr<RocksStore> store_;
};

TEST(RegistryOnRocksDB, FollowsTheModel) {
  forRandomSequences(500, [](Random& random) {
    RocksStoreUnderTest store;
    RegistryWorld world(random, store);
    for (uint64_t n = 50 + below(random, 100); n > 0 && !::testing::Test::HasFailure(); --n) {
      world.step();
    }
  });
}

}  // namespace
}  // namespace holdfast::test
