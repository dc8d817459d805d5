// Registry and index against a plain model, on the store in memory.
#include <gtest/gtest.h>

#include "tests/simulation/registry_world.h"
#include "tests/support/memory_store.h"

namespace holdfast::test {
namespace {

class MemoryStoreUnderTest : public StoreUnderTest {
 public:
  RegistryStore& store() override { return *store_; }
  void release(Random& random) override { store_->complete(1 + below(random, 4)); }
  void releaseAll(Ticket) override {
    store_->complete();
    store_->sync();
  }
  bool setWritable(bool writable) override {
    store_->setHealth({writable, writable ? "" : "no space on the device"});
    return true;
  }
  Ticket crash(Random& random, Ticket) override {
    Ticket survived = store_->committed();
    MemoryStore::Disk disk = store_->afterCrash();
    if (chance(random, 30)) {
      disk = store_->afterPowerLoss(below(random, store_->unsynced() + 1), survived);
    }
    store_ = std::make_unique<MemoryStore>(std::move(disk));
    return survived;
  }

 private:
  std::unique_ptr<MemoryStore> store_ = std::make_unique<MemoryStore>();
};

TEST(RegistryOnMemory, FollowsTheModel) {
  forRandomSequences(10'000, [](Random& random) {
    MemoryStoreUnderTest store;
    RegistryWorld world(random, store);
    for (uint64_t n = 50 + below(random, 250); n > 0 && !::testing::Test::HasFailure(); --n) {
      world.step();
    }
  });
}

}  // namespace
}  // namespace holdfast::test
