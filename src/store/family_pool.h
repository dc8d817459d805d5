// The families of the pool, by number: which are free, and their handles, which change whenever the
// database is opened again. The numbers do not.
#pragma once

#include <rocksdb/db.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace holdfast {

// Position of a family in the pool.
using FamilyIndex = uint32_t;
inline constexpr FamilyIndex kNoFamily = 0xFFFFFFFFu;

// Families created in one call, during which writes wait: about 0.3 s.
inline constexpr size_t kFamiliesGroupMax = 512;
inline constexpr size_t kFamiliesMax = 65536;

// The owner of the database's; others may ask for what is known of a family that they were told of
// while they have a lease.
class FamilyPool {
 public:
  FamilyPool();

  rocksdb::ColumnFamilyHandle* handle(FamilyIndex family) const { return at(family).handle; }
  const std::string& name(FamilyIndex family) const { return at(family).name; }
  std::optional<FamilyIndex> find(const std::string& name) const;
  size_t size() const { return families_.size(); }
  size_t free() const { return free_.size(); }
  size_t used() const { return families_.size() - free_.size(); }
  // The last one is taken first.
  const std::vector<FamilyIndex>& freeOnes() const { return free_; }

  // There must be a free one.
  FamilyIndex take();
  void giveBack(FamilyIndex family) { free_.push_back(family); }
  // All but these, and low numbers are taken first, so that the store looks the same however it
  // came about.
  void setFree(std::vector<FamilyIndex> free);

  // It is not to be read, and not to be given to another owner.
  void quarantine(FamilyIndex family) { families_[family].quarantined = true; }
  bool quarantined(FamilyIndex family) const { return families_[family].quarantined; }

  // An open has found it. One that is new to the pool is free.
  void opened(const std::string& name, rocksdb::ColumnFamilyHandle* handle);
  // The name of one that the last open has not found.
  std::optional<std::string> gone() const;
  // Destroys the handles.
  void close(rocksdb::DB& db);
  void clear();

  // Names for more families; there is room for them.
  std::vector<std::string> freshNames(size_t count) const;
  // Those that were created, in order. Taken after the older ones.
  void add(const std::vector<std::string>& names,
           const std::vector<rocksdb::ColumnFamilyHandle*>& handles);
  // It was dropped and made again, and is free; null: it could not be made.
  void renew(FamilyIndex family, rocksdb::ColumnFamilyHandle* handle);

 private:
  struct Family {
    std::string name;
    rocksdb::ColumnFamilyHandle* handle = nullptr;
    bool quarantined = false;
  };
  // Of threads with a lease, too: reads no size, which changes while families are added.
  const Family& at(FamilyIndex family) const { return families_.data()[family]; }
  FamilyIndex append(const std::string& name, rocksdb::ColumnFamilyHandle* handle);

  std::vector<Family> families_;
  std::unordered_map<std::string, FamilyIndex> byName_;
  std::vector<FamilyIndex> free_;
};

}  // namespace holdfast
