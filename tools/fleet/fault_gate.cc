#include "fleet/fault_gate.h"

#include <utility>

namespace holdfast::fleet {

ReportGate::Passage FaultGate::pass(Report report) {
  Passage passage;
  if (stopped_) {
    for (Held& held : held_) passage.reports.push_back(std::move(held.report));
    held_.clear();
    passage.reports.push_back(std::move(report));
    return passage;
  }
  if (cut_.exchange(false)) {
    passage.cut = true;
    return passage;
  }
  ++passed_;
  ReportFates::Fate fate = fates_.next();
  if (corrupt_.exchange(false)) {
    fate = {};
    // The controller then holds a key that the worker does not, or keeps one that it dropped.
    report.keys.back() = ~report.keys.back();
  }
  if (fate.afterReports > 0) {
    held_.push_back({passed_ + fate.afterReports, std::move(report)});
  } else {
    for (uint64_t i = 0; i < fate.copies; ++i) passage.reports.push_back(report);
  }
  std::erase_if(held_, [&](Held& held) {
    if (held.after > passed_) return false;
    passage.reports.push_back(std::move(held.report));
    return true;
  });
  return passage;
}

}  // namespace holdfast::fleet
