// Which controller of a list a client turns to next, and after what wait. Deterministic: time and
// random numbers come in by argument.
//
// Each address waits by itself: doubling from the minimum to the maximum, each wait drawn from its
// upper half, as long as nothing comes of it. One that is not waiting is tried at once. The order
// is drawn, so that a fleet whose leader has died does not turn to the same follower, and its first
// step is delayed by up to the minimum.
//
// A controller that does not lead says who does. That address is tried next, without its wait, if
// it is in the list and was not found to be away; once, so that two that name each other send
// nobody to and fro.
//
// One that refuses us is left like one that is away, since another one may have other settings,
// tokens or a newer program, and is asked again after its wait: what it says may change. All refuse
// when each of them does, or sends on to one that does.
//
// An address that is not in the list is never turned to: a token and what an
// engine reports go only where whoever configured the client wants them, whoever answers there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

class ControllerRing {
 public:
  struct Backoff {
    uint32_t minMs = 1;  // at most maxMs
    uint32_t maxMs = 1;
  };

  // `addresses`: one and more, each once. `random`: any numbers.
  ControllerRing(std::vector<std::string> addresses, Backoff backoff,
                 std::function<uint64_t()> random);

  size_t size() const { return places_.size(); }
  // The one that is being tried, or used.
  const std::string& current() const { return places_[current_].address; }

  // What came of it; times of a steady clock.
  void established();
  // It is away, its connection was lost, or it does not let us in yet.
  void failed(uint64_t nowMs);
  // It refuses us, and says why.
  void refused(uint64_t nowMs, std::string why);
  // It is there and does not lead. `leader`: whom it names; may be empty.
  void sentOn(uint64_t nowMs, std::string_view leader);

  // After one of the last three: chooses the one to try next, and says how long to wait before; ms.
  uint32_t next(uint64_t nowMs);

  // What each says where all of them refuse, by what came of the last try of each; of one alone
  // just that. Nothing: some may still take us.
  std::optional<std::string> refusedByAll() const;

  // No wait is longer from now on.
  void limitBackoff(uint32_t ms) { limitMs_ = ms; }
  // How many times all of them were tried in vain since the last connection.
  size_t roundsInVain() const { return inVain_ / places_.size(); }

 private:
  struct Place {
    std::string address;
    uint64_t notBeforeMs = 0;
    uint32_t backoffMs = 0;  // of its next wait, before jitter; 0: the minimum
    // By the last try:
    bool away = false;
    std::optional<std::string> refusal = {};
    std::optional<size_t> sendsTo = {};  // the place that leads, as it says
  };
  // Of a last try, of which the one that calls notes what came.
  Place& tried(uint64_t nowMs);
  void wait(Place& place, uint64_t nowMs);
  std::optional<size_t> placeOf(std::string_view address) const;
  size_t soonest(uint64_t nowMs) const;

  std::vector<Place> places_;
  const Backoff backoff_;
  const std::function<uint64_t()> random_;
  size_t current_ = 0;
  size_t inVain_ = 0;
  uint32_t limitMs_ = ~uint32_t{0};
  std::optional<size_t> told_;  // to be tried next
  bool followed_ = false;       // current() was told
  bool scatters_ = false;       // the next step is the first one after a connection
};

}  // namespace holdfast
