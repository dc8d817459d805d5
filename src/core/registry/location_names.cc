#include "core/registry/location_names.h"

#include "core/check.h"
#include "core/limits.h"

namespace holdfast {

static_assert(kLocationNamesMax <= size_t{UINT16_MAX} + 1);

std::optional<uint16_t> LocationNames::take(std::string_view name) {
  auto known = ids_.find(name);
  if (known == ids_.end()) {
    if (ids_.size() == kLocationNamesMax) return std::nullopt;
    if (free_.empty()) {
      free_.push_back(static_cast<uint16_t>(names_.size()));
      names_.emplace_back();
    }
    known = ids_.emplace(std::string(name), free_.back()).first;
    free_.pop_back();
    names_[known->second].text = known->first;
  }
  ++names_[known->second].locations;
  return known->second;
}

void LocationNames::drop(uint16_t id) {
  Name& name = names_[id];
  HOLDFAST_CHECK(name.locations > 0, "no location has name %u", id);
  if (--name.locations > 0) return;
  ids_.erase(name.text);
  name.text = {};
  free_.push_back(id);
}

}  // namespace holdfast
