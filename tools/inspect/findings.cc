#include "inspect/findings.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace holdfast::inspect {

std::string describe(const Place& place) {
  std::string text;
  const auto part = [&](const std::string& what) { text += (text.empty() ? "" : ", ") + what; };
  if (!place.family.empty()) part("family " + place.family);
  if (!place.instance.empty()) {
    part("instance '" + place.instance + "'" +
         (place.worker ? " worker " + std::to_string(*place.worker) : ""));
  }
  if (!place.location.empty()) part("location '" + place.location + "'");
  if (!place.record.empty()) part(place.record);
  return text.empty() ? "the store" : text;
}

void Findings::add(Finding finding) {
  const MutexLock lock(mutex_);
  ++(finding.severity == Severity::kProblem ? problems_ : notes_);
  if (kept_.size() < kKeptMax) kept_.push_back(std::move(finding));
}

std::vector<Finding> Findings::sorted() const {
  const MutexLock lock(mutex_);
  std::vector<Finding> all = kept_;
  // Of one location they are in the order of its records already.
  std::stable_sort(all.begin(), all.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.place.family, a.place.location) < std::tie(b.place.family, b.place.location);
  });
  return all;
}

size_t Findings::problems() const {
  const MutexLock lock(mutex_);
  return problems_;
}

size_t Findings::notes() const {
  const MutexLock lock(mutex_);
  return notes_;
}

}  // namespace holdfast::inspect
