#include "serving/hash_refusals.h"

#include <algorithm>
#include <utility>

#include "core/limits.h"

namespace holdfast {

void HashRefusals::refused(std::string_view model, std::string why) {
  taken(model);
  refusals_.push_back({std::string(model), std::move(why)});
  if (refusals_.size() > kHashRefusalsMax) refusals_.pop_front();
}

void HashRefusals::taken(std::string_view model) {
  std::erase_if(refusals_, [&](const Refusal& one) { return one.model == model; });
}

const std::string* HashRefusals::of(std::string_view model) const {
  for (const Refusal& one : refusals_) {
    if (one.model == model) return &one.why;
  }
  return nullptr;
}

}  // namespace holdfast
