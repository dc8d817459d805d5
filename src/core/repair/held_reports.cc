#include "core/repair/held_reports.h"

#include <utility>

namespace holdfast {
namespace {

// A node of the map and what stands in it beside the operations.
constexpr uint64_t kReportOverheadBytes = 160;

}  // namespace

uint64_t HeldReports::bytesOf(size_t operations) {
  return operations * sizeof(ChunkHash) + operations / 8 + kReportOverheadBytes;
}

void HeldReports::forget(size_t operations) {
  operations_ -= operations;
  budget_.give(bytesOf(operations), operations);
}

bool HeldReports::hold(uint64_t firstSeq, const Operations& operations) {
  const auto known = reports_.find(firstSeq);
  if (known != reports_.end()) {
    if (known->second.keys.size() >= operations.size()) return true;
    forget(known->second.keys.size());
    reports_.erase(known);
  }
  const size_t count = operations.size();
  if (operations_ + count > kHeldOperationsMax || !budget_.take(bytesOf(count), count))
    return false;
  operations_ += count;
  HeldReport held;
  held.firstSeq = firstSeq;
  held.keys.assign(operations.keys.begin(), operations.keys.end());
  if (!operations.evicts.allAdmits()) {
    held.evicts.resize((count + 7) / 8);
    for (size_t i = 0; i < count; ++i) {
      if (!operations.evicts.test(i)) continue;
      held.evicts[i / 8] = static_cast<uint8_t>(held.evicts[i / 8] | (1u << (i % 8)));
    }
  }
  reports_.emplace(firstSeq, std::move(held));
  return true;
}

std::optional<HeldReport> HeldReports::take(uint64_t expected) {
  while (!reports_.empty() && firstSeq() <= expected) {
    HeldReport report = std::move(reports_.begin()->second);
    reports_.erase(reports_.begin());
    forget(report.keys.size());
    const uint64_t known = expected - report.firstSeq;
    if (known >= report.keys.size()) continue;
    report.skip = known;
    report.firstSeq = expected;
    return report;
  }
  return std::nullopt;
}

void HeldReports::clear() {
  for (const auto& [seq, report] : reports_) forget(report.keys.size());
  reports_.clear();
}

}  // namespace holdfast
