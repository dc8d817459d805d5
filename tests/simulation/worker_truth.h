// What one location of a worker really holds, now and as of every operation of every incarnation,
// kept apart from the code under test.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "client/worker_state.h"
#include "tests/simulation/registry_world.h"

namespace holdfast::test {

class WorkerTruth {
 public:
  // --- The engine ---
  void clear() { keys_.clear(); }
  void apply(ChunkHash key, bool evict) {
    if (evict) {
      keys_.erase(key);
    } else {
      keys_.insert(key);
    }
  }
  const Keys& keys() const { return keys_; }

  // --- Numbering, as it can be seen from outside ---
  // An incarnation begins with what the engine holds now.
  void begin(uint64_t incarnation) {
    History& history = histories_[incarnation];
    history.keys = keys_;
    history.ever = keys_;
    history.states = {{keys_.size(), digestOf(keys_)}};
  }
  // One whose first operation empties the location.
  void beginCleared(uint64_t incarnation) {
    begin(incarnation);
    histories_[incarnation].states.push_back({});
  }
  bool knows(uint64_t incarnation) const { return histories_.contains(incarnation); }
  // A report went out; what it numbers for the first time is written down.
  void sent(const WorkerStateMachine::OutgoingReport& report) {
    History& history = histories_.at(report.incarnation);
    const Operations operations = report.view().operations;
    for (size_t i = 0; i < operations.size(); ++i) {
      if (report.firstSeq + i < history.states.size()) continue;
      const ChunkHash key = operations.keys[i];
      if (operations.evicts.test(i)) {
        history.keys.erase(key);
      } else {
        history.keys.insert(key);
        history.ever.insert(key);
      }
      history.states.push_back({history.keys.size(), digestOf(history.keys)});
    }
  }
  struct State {
    uint64_t count = 0;
    KeyDigest digest;
    friend bool operator==(const State&, const State&) = default;
  };
  // As of a seq that was sent.
  bool reached(uint64_t incarnation, uint64_t seq) const {
    return knows(incarnation) && seq < histories_.at(incarnation).states.size();
  }
  State at(uint64_t incarnation, uint64_t seq) const {
    return histories_.at(incarnation).states.at(seq);
  }
  // Every key that it held at any time.
  const Keys& ever(uint64_t incarnation) const { return histories_.at(incarnation).ever; }

 private:
  struct History {
    Keys keys;
    Keys ever;
    std::vector<State> states;  // by seq
  };
  Keys keys_;
  std::map<uint64_t, History> histories_;
};

}  // namespace holdfast::test
