// What `verify` finds: what is wrong, where, and what to do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "locks/mutex.h"

namespace holdfast::inspect {

enum class Severity {
  kNote,     // as it should be, but worth knowing
  kProblem,  // a store that Holdfast alone has written never shows it
};

// Parts that do not apply are empty.
struct Place {
  std::string family;
  std::string instance;
  std::optional<uint32_t> worker;
  std::string location;
  std::string record;  // or file
};

// "family f/00002, instance 'a' worker 1, location 'gpu', segment 3 of generation 1, fold 2"
std::string describe(const Place& place);

struct Finding {
  Severity severity = Severity::kProblem;
  std::string kind;  // for programs; never changes its meaning: "journal-gap"
  Place place;
  std::string what;
  std::string remedy;
};

// Bounded, any thread.
class Findings {
 public:
  static constexpr size_t kKeptMax = 10'000;

  void add(Finding finding);
  // By place, so that they are the same however many threads looked.
  std::vector<Finding> sorted() const;
  size_t problems() const;
  size_t notes() const;

 private:
  mutable Mutex mutex_;
  std::vector<Finding> kept_ HOLDFAST_GUARDED_BY(mutex_);
  size_t problems_ HOLDFAST_GUARDED_BY(mutex_) = 0;  // kept or not
  size_t notes_ HOLDFAST_GUARDED_BY(mutex_) = 0;
};

}  // namespace holdfast::inspect
