// A directory of its own for each test, and a store in it with small pools.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/rocks_store.h"
#include "stored_content.h"

namespace holdfast {

// Keeps what a store says. Its callbacks must not outlive it.
class StoreEvents : public StoreListener {
 public:
  void onCommitted(Ticket upTo) override;
  void onFolded(const FoldResult& result) override;
  void onHealth(const StoreHealth& health) override;

  // Thread-safe: what StoreOptions::notify, log and fatal do.
  void install(StoreOptions& options);
  // Waits for news and polls until `done`; false after 30 s.
  template <typename Done>
  bool wait(RegistryStore& store, Done done);

  Ticket committed = 0;
  std::vector<FoldResult> folds;
  std::vector<StoreHealth> healths;
  std::string fatal;  // of the store thread, read under lock by fatalError()
  std::string fatalError();
  std::vector<std::string> logged();

 private:
  bool waitForNews(std::chrono::milliseconds timeMax);

  std::mutex mutex_;
  std::condition_variable changed_;
  bool news_ = false;
  std::vector<std::string> log_;
};

// How long anything may take before a test fails; generous, for sanitizers on a busy machine.
inline constexpr std::chrono::minutes kPatience{5};

template <typename Done>
bool StoreEvents::wait(RegistryStore& store, Done done) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    store.poll(*this);
    if (done()) return true;
    if (std::chrono::steady_clock::now() > deadline) return false;
    waitForNews(std::chrono::milliseconds(100));
  }
}

class StoreFixture : public testing::Test {
 protected:
  StoreFixture();
  ~StoreFixture() override;

  // Small pools, quick retries, events_ installed.
  StoreOptions options() const;
  // Opens and recovers; null and a failed test if it cannot.
  std::unique_ptr<RocksStore> open(StoreOptions options);
  std::unique_ptr<RocksStore> open() { return open(options()); }
  // Of an open that must fail.
  std::string openError(StoreOptions options);
  bool committed(RegistryStore& store, Ticket ticket);

  // A fresh worker with one location "gpu" (id 0), empty at seq 0 of incarnation 7.
  OwnerId addWorker(RegistryStore& store, const std::string& instance, uint32_t worker);
  // Admits `keys` as the next report of location 0 of a worker, as `content` knows it.
  Ticket admit(RegistryStore& store, OwnerId owner, StoredLocation& content,
               const std::vector<ChunkHash>& keys);

  std::string dir_;
  std::unique_ptr<StoreEvents> events_;
  std::unique_ptr<ContentSink> sink_;  // of the last open()
};

// A new directory; the caller removes it.
std::string makeTestDir();
LocationRecord emptyLocation(uint16_t id, const std::string& name, uint64_t incarnation);
std::vector<ChunkHash> numbers(ChunkHash from, size_t count);

}  // namespace holdfast
