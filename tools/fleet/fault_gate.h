// Applies faults to the reports of one worker, across restarts of its client.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "client/report_gate.h"
#include "fleet/fault_schedule.h"

namespace holdfast::fleet {

class FaultGate final : public ReportGate {
 public:
  explicit FaultGate(const ReportFates& fates) : fates_(fates) {}

  // From any thread. The next report breaks the connection instead of being sent.
  void cut() { cut_ = true; }
  // The next report has one wrong key, and nothing else happens to it.
  void corrupt() { corrupt_ = true; }
  // Ends all faults; what is held back is sent with the next report.
  void stop() { stopped_ = true; }

  Passage pass(Report report) override;
  void sessionBegan() override { held_.clear(); }

 private:
  struct Held {
    uint64_t after;  // reports passed
    Report report;
  };

  ReportFates fates_;
  std::atomic<bool> cut_ = false;
  std::atomic<bool> corrupt_ = false;
  std::atomic<bool> stopped_ = false;
  uint64_t passed_ = 0;
  std::vector<Held> held_;  // at most FaultOptions::kDelayReportsMax
};

}  // namespace holdfast::fleet
