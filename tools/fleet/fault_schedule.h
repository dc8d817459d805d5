// Which faults hit whom and when: drawn from the seed, and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fleet/random.h"

namespace holdfast::fleet {

struct FaultOptions {
  // Shares of each worker's reports, together at most 1.
  double drop = 0;       // lost
  double duplicate = 0;  // sent twice
  double reorder = 0;    // sent after the next one
  double delay = 0;      // sent after 2 to kDelayReportsMax others
  // Seconds between two of them, each hitting a random worker; 0: none.
  double restartEvery = 0;
  double cutEvery = 0;
  double corruptEvery = 0;
  double settleSeconds = 30;  // how long the fleet may take to converge after the last fault

  static constexpr uint64_t kDelayReportsMax = 20;
  bool ofReports() const { return drop + duplicate + reorder + delay > 0; }
  bool any() const { return ofReports() || restartEvery > 0 || cutEvery > 0 || corruptEvery > 0; }
};

// What becomes of the reports of one worker, one after the other.
class ReportFates {
 public:
  struct Fate {
    uint64_t copies = 1;        // 0: it is lost
    uint64_t afterReports = 0;  // sent after that many later ones

    friend bool operator==(const Fate&, const Fate&) = default;
  };

  ReportFates(const FaultOptions& options, uint64_t seed, size_t worker);
  Fate next();

 private:
  FaultOptions options_;
  Random random_;
};

// Which faults hit workers over time.
class FaultPlan {
 public:
  enum class Kind : uint8_t { kRestart, kCut, kCorrupt };
  struct Event {
    Kind kind = Kind::kCut;
    size_t worker = 0;
    bool diskSurvives = false;  // of a restart; the memory never does

    friend bool operator==(const Event&, const Event&) = default;
  };

  FaultPlan(const FaultOptions& options, uint64_t seed, size_t workers);
  // What is due by then and was not returned before, in order of time.
  std::vector<Event> until(double seconds);

 private:
  struct Series {
    Kind kind;
    double every;  // seconds; 0: never
    Random random;
    uint64_t count = 0;

    double nextAt() const { return every * static_cast<double>(count + 1); }
  };

  size_t workers_;
  std::vector<Series> series_;
};

}  // namespace holdfast::fleet
