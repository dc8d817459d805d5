#include "hashing/model_profiles.h"

#include <algorithm>

namespace holdfast {
namespace {

HashFamily familyOf(const ModelProfiles::Group& group) {
  return factsOf(group.fitted.profile.scheme).family;
}

}  // namespace

bool FittedProfile::agreesWith(const FittedProfile& other) const {
  if (profile == other.profile) return true;
  if (keysShown && other.keysShown) return false;
  HashProfile same = profile;
  same.untagged = other.profile.untagged;
  return same == other.profile;
}

ModelProfiles::Group* ModelProfiles::find(const FittedProfile& fitted) {
  const auto found = std::find_if(groups_.begin(), groups_.end(), [&](const Group& group) {
    return group.fitted.profile == fitted.profile;
  });
  return found == groups_.end() ? nullptr : &*found;
}

void ModelProfiles::add(const FittedProfile& fitted) {
  Group* group = find(fitted);
  if (group == nullptr) {
    if (groups_.size() >= kMax) {
      std::erase_if(groups_, [](const Group& one) { return one.streams == 0 && !one.leads; });
      if (groups_.size() >= kMax) return;
    }
    group = &groups_.emplace_back(Group{.fitted = fitted});
  }
  group->fitted.keysShown |= fitted.keysShown;
  ++group->streams;
  elect();
}

void ModelProfiles::remove(const FittedProfile& fitted) {
  Group* group = find(fitted);
  if (group == nullptr || group->streams == 0) return;
  --group->streams;
  elect();
}

const ModelProfiles::Group* ModelProfiles::leading(HashFamily family) const {
  for (const Group& group : groups_) {
    if (group.leads && familyOf(group) == family) return &group;
  }
  return nullptr;
}

// The most wins; of equal ones, who leads already, or was there first.
void ModelProfiles::elect() {
  const Group* best = nullptr;
  for (const HashFamily family : kHashFamilies) {
    Group* leader = nullptr;
    for (Group& group : groups_) {
      if (familyOf(group) != family) continue;
      const bool wins = leader == nullptr || group.streams > leader->streams ||
                        (group.streams == leader->streams && group.leads);
      if (wins) leader = &group;
    }
    if (leader == nullptr) continue;
    for (Group& group : groups_) {
      if (familyOf(group) == family) group.leads = &group == leader;
    }
    const bool inUse = hasher_ && familyOf(*leader) == factsOf(hasher_->profile().scheme).family;
    const bool wins = best == nullptr || leader->streams > best->streams ||
                      (leader->streams == best->streams && inUse);
    if (wins) best = leader;
  }
  if (best == nullptr) return;
  // Who has shown its extra keys knows better how they are hashed.
  for (const Group& group : groups_) {
    if (!best->fitted.keysShown && group.fitted.keysShown &&
        group.fitted.agreesWith(best->fitted)) {
      best = &group;
    }
  }
  if (!hasher_ || hasher_->profile() != best->fitted.profile) {
    hasher_ = std::make_shared<BlockHasher>(best->fitted.profile);
  }
}

}  // namespace holdfast
