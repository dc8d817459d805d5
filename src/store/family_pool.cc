#include "store/family_pool.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "format/keys.h"

namespace holdfast {

FamilyPool::FamilyPool() {
  // Never moved: threads with a lease look up handles while more families are added behind them.
  families_.reserve(kFamiliesMax);
}

std::optional<FamilyIndex> FamilyPool::find(const std::string& name) const {
  const auto found = byName_.find(name);
  return found == byName_.end() ? std::nullopt : std::optional(found->second);
}

FamilyIndex FamilyPool::take() {
  HOLDFAST_CHECK(!free_.empty(), "no free family of %zu", families_.size());
  const FamilyIndex family = free_.back();
  free_.pop_back();
  return family;
}

void FamilyPool::setFree(std::vector<FamilyIndex> free) {
  free_ = std::move(free);
  std::sort(free_.rbegin(), free_.rend());
}

FamilyIndex FamilyPool::append(const std::string& name, rocksdb::ColumnFamilyHandle* handle) {
  const auto family = static_cast<FamilyIndex>(families_.size());
  HOLDFAST_CHECK(family < kFamiliesMax, "%zu families are in use", families_.size());
  families_.push_back({name, handle, false});
  byName_[name] = family;
  return family;
}

void FamilyPool::opened(const std::string& name, rocksdb::ColumnFamilyHandle* handle) {
  if (const auto known = find(name)) {
    families_[*known].handle = handle;
  } else {
    // The first open, or created by a call that failed half-way.
    free_.push_back(append(name, handle));
  }
}

std::optional<std::string> FamilyPool::gone() const {
  const auto found = std::find_if(families_.begin(), families_.end(),
                                  [](const Family& family) { return family.handle == nullptr; });
  return found == families_.end() ? std::nullopt : std::optional(found->name);
}

void FamilyPool::close(rocksdb::DB& db) {
  for (Family& family : families_) {
    if (family.handle != nullptr) db.DestroyColumnFamilyHandle(family.handle);
    family.handle = nullptr;
  }
}

void FamilyPool::clear() {
  families_.clear();
  byName_.clear();
  free_.clear();
}

std::vector<std::string> FamilyPool::freshNames(size_t count) const {
  std::vector<std::string> names;
  for (uint32_t number = 0; names.size() < count; ++number) {
    HOLDFAST_CHECK(number < kFamiliesMax, "%zu families are in use", families_.size());
    std::string name = familyName(number);
    if (!byName_.contains(name)) names.push_back(std::move(name));
  }
  return names;
}

void FamilyPool::add(const std::vector<std::string>& names,
                     const std::vector<rocksdb::ColumnFamilyHandle*>& handles) {
  std::vector<FamilyIndex> fresh;
  for (size_t i = 0; i < handles.size(); ++i) fresh.push_back(append(names[i], handles[i]));
  free_.insert(free_.begin(), fresh.rbegin(), fresh.rend());
}

void FamilyPool::renew(FamilyIndex family, rocksdb::ColumnFamilyHandle* handle) {
  families_[family].handle = handle;
  if (handle != nullptr) free_.push_back(family);
}

}  // namespace holdfast
