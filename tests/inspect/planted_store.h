// A store of known content, made once; each test gets a copy to plant damage in.
//
//   instance "a": worker 0, location "gpu": 150,000 keys in three segments and a short journal;
//                 location "cpu": 10 keys in the journal alone, 3 reports
//                 worker 1, location "gpu": 50 keys
//   instance "b": worker 0, location "gpu": 20 keys
//   events: "done" and "unfinished" of instance "a", "failed" of "b"
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "core/event_record.h"
#include "core/records.h"
#include "format/keys.h"
#include "inspect/verifier.h"
#include "tests/support/scratch.h"

namespace holdfast::test {

class PlantedStore : public testing::Test {
 protected:
  PlantedStore();

  // Of the copy.
  const std::string& dir() const { return dir_; }
  // The family of an owner, as its owner record names it.
  std::string familyOf(const std::string& instance, std::optional<uint32_t> worker) const;
  LocationRecord location(const std::string& family, uint16_t id) const;
  void changeLocation(const std::string& family, uint16_t id,
                      const std::function<void(LocationRecord&)>& change) const;
  // The segment's hashes after `change`, stored without any check.
  void changeSegment(const std::string& family, const SegmentKey& key,
                     const std::function<void(std::vector<ChunkHash>&)>& change) const;
  // Journal keys of a location, in order.
  std::vector<JournalKey> journal(const std::string& family, uint16_t id) const;

  inspect::VerifyOutcome verify(uint64_t keysMax = inspect::VerifyOptions().keysMax) const;
  // Verifies, and finds this problem only, at a place with all these parts.
  void expectOnly(const std::string& kind, const std::vector<std::string>& place,
                  const std::string& what = "") const;

 private:
  Scratch scratch_;
  std::string dir_;
};

EventRecord plantedEvent(const std::string& id, const std::string& instance);
std::string keyOf(const StoreKey& key);

}  // namespace holdfast::test
