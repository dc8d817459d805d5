// What core and the executor ask of the outside while they take an input: the time, room in the
// store, its health, random numbers. The answers belong to the input: with the same ones the same
// follows from it.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/clock.h"
#include "core/registry_store.h"

namespace holdfast {

// Stands between core and what it runs on. One thread.
class Environment {
 public:
  // Given to one input.
  struct Answers {
    uint64_t steadyMs = 0;
    uint64_t wallMs = 0;
    uint64_t storeMs = 0;
    bool noRoom = false;
    std::vector<uint64_t> drawn;
  };

  // Keeps the references. `random` gives 64 random bits.
  Environment(const Clock& clock, RegistryStore& store, std::function<uint64_t()> random);

  // What the registry and the executor are given.
  Clock& clock() { return clock_; }
  RegistryStore& store() { return store_; }
  uint64_t random();

  // An input begins: until the next one time stands still.
  void begin();
  // Also when inputs begin, until this ends it.
  void holdTime(bool hold) { timeHeld_ = hold; }
  const Answers& answers() const { return answers_; }
  // Core is told of the store's health: it sees this one until it is told of another.
  void health(const StoreHealth& health) { health_ = health; }

 private:
  class InputClock final : public Clock {
   public:
    explicit InputClock(const Environment& environment) : environment_(environment) {}
    uint64_t steadyMs() const override { return environment_.answers_.steadyMs; }
    uint64_t wallMs() const override { return environment_.answers_.wallMs; }
    uint64_t storeMs() const override { return environment_.answers_.storeMs; }

   private:
    const Environment& environment_;
  };
  class InputStore final : public RegistryStore {
   public:
    explicit InputStore(Environment& environment) : environment_(environment) {}
    OwnerId claim() override;
    bool hasRoom(size_t bytes) const override;
    Ticket append(const ReportRecord& report) override;
    Ticket append(const BatchRecord& batch) override;
    Ticket write(StoreBatch batch) override;
    void fold(const FoldRequest& request) override;
    StoreHealth health() const override { return environment_.health_; }
    void poll(StoreListener& listener) override;
    void recover(RecoverySink& sink) override;

   private:
    Environment& environment_;
  };

  const Clock& outsideClock_;
  RegistryStore& outsideStore_;
  const std::function<uint64_t()> random_;
  Answers answers_;
  bool timeHeld_ = false;
  StoreHealth health_;
  InputClock clock_{*this};
  InputStore store_{*this};
};

}  // namespace holdfast
