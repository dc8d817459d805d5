// What core asks of the outside while it takes an input: the time, room in the store, its health,
// random numbers. The answers belong to the input: the same input with the same answers, in the
// same state, leads to the same state.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/clock.h"
#include "core/registry_store.h"

namespace holdfast {

// Stands between core and what it runs on. One thread.
class Outside {
 public:
  // Given to one input.
  struct Answers {
    uint64_t steadyMs = 0;
    uint64_t wallMs = 0;
    uint64_t storeMs = 0;
    bool noRoom = false;  // the store had none when it was asked
    std::vector<uint64_t> drawn;
  };

  // Keeps the references. `random` gives 64 random bits.
  Outside(const Clock& clock, RegistryStore& store, std::function<uint64_t()> random);

  // What core is given.
  Clock& clock() { return clock_; }
  RegistryStore& store() { return store_; }
  uint64_t random();

  // An input begins: until the next one time stands still.
  void begin();
  // Time stands still also when inputs begin, until this ends it.
  void holdTime(bool hold) { timeHeld_ = hold; }
  const Answers& answers() const { return answers_; }
  // Core is told of the store's health: it sees this one until it is told of another.
  void health(const StoreHealth& health) { health_ = health; }

 private:
  class InputClock final : public Clock {
   public:
    explicit InputClock(const Outside& outside) : outside_(outside) {}
    uint64_t steadyMs() const override { return outside_.answers_.steadyMs; }
    uint64_t wallMs() const override { return outside_.answers_.wallMs; }
    uint64_t storeMs() const override { return outside_.answers_.storeMs; }

   private:
    const Outside& outside_;
  };
  class InputStore final : public RegistryStore {
   public:
    explicit InputStore(Outside& outside) : outside_(outside) {}
    OwnerId claim() override;
    bool hasRoom(size_t bytes) const override;
    Ticket append(const ReportRecord& report) override;
    Ticket append(const BatchRecord& batch) override;
    Ticket write(StoreBatch batch) override;
    void fold(const FoldRequest& request) override;
    StoreHealth health() const override { return outside_.health_; }
    void poll(StoreListener& listener) override;
    void recover(RecoverySink& sink) override;

   private:
    Outside& outside_;
  };

  const Clock& realClock_;
  RegistryStore& realStore_;
  const std::function<uint64_t()> random_;
  Answers answers_;
  bool timeHeld_ = false;
  StoreHealth health_;
  InputClock clock_{*this};
  InputStore store_{*this};
};

}  // namespace holdfast
