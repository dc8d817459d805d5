// A page of instances, with the ranks of each: what a walk over their workers adds up to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/queries/workers.h"
#include "http/json.h"
#include "http/route.h"

namespace holdfast::http {

class InstancePage {
 public:
  // `after`: instances behind it; empty: from the first on. `instance`: only this one; empty: all.
  // Keeps the reference.
  InstancePage(const Registry& registry, const std::string& instance, const std::string& after,
               size_t max);
  InstancePage(const InstancePage&) = delete;
  InstancePage& operator=(const InstancePage&) = delete;

  // Whether there is more to do.
  bool step();
  Reply take() { return std::move(reply_); }

 private:
  // What is known of an instance once all its workers were met.
  struct Sums {
    uint64_t workers = 0;
    uint64_t active = 0;
    uint64_t locations = 0;
    uint64_t inSync = 0;
    uint64_t memberships = 0;
  };

  void begin(const queries::WorkerView& worker);
  void add(const queries::WorkerView& worker);
  void end();
  bool full() const;

  queries::WorkerCursor cursor_;
  const size_t max_;
  Reply reply_;
  JsonWriter json_;
  queries::WorkerCursor::Found found_;
  std::string instance_;  // whose object is open; empty: none
  Sums sums_;
  size_t entries_ = 0;
};

}  // namespace holdfast::http
