// Who has which family, as far as it is written, and the newest records there.
#pragma once

#include <cstdint>
#include <vector>

#include "core/check.h"
#include "format/keys.h"
#include "format/registry_records.h"
#include "store/database.h"
#include "store/newest_records.h"

namespace holdfast {

// The store thread's.
class StoreOwners {
 public:
  struct Owner {
    FamilyIndex family = kNoFamily;
    OwnerRecord record;
    NewestRecords newest;
    uint64_t markedIn = 0;  // the group with its last mark, and which one that is
    size_t mark = 0;
  };

  // One that has no family may be new. Stands until the next call.
  Owner& at(OwnerId id) {
    HOLDFAST_CHECK(id != kNoOwner, "a write of no owner");
    if (id >= owners_.size()) owners_.resize(id + 1);
    return owners_[id];
  }
  // One that has a family.
  Owner& bound(OwnerId id) {
    Owner& found = at(id);
    HOLDFAST_CHECK(found.family != kNoFamily, "owner %u has no family", id);
    return found;
  }
  const std::vector<Owner>& all() const { return owners_; }  // by OwnerId

 private:
  std::vector<Owner> owners_;
};

}  // namespace holdfast
