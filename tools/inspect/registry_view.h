// What a store says of the whole registry, without its keys being read.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "core/registry/registry_digest.h"
#include "format/family_head.h"
#include "store/store_reader.h"
#include "text/progress.h"

namespace holdfast::inspect {

struct StoredWorker {
  size_t family = 0;  // of StoreReader::families()
  WorkerHead head;
};

struct RegistryView {
  std::map<std::string, InstanceRecord> instances;
  std::vector<StoredWorker> workers;  // by instance and number
  // Families that cannot be read, each with its owner and the reason. They are left out above.
  std::vector<std::string> damaged;
  // The same of events, which no digest depends on.
  std::vector<std::string> damagedEvents;

  uint64_t locations = 0;
  uint64_t memberships = 0;
  uint64_t events = 0;
  uint64_t eventsUnfinished = 0;
  RegistryDigest content;
  RegistryDigest registry;
};

// Reads keys only of locations whose newest record does not say what they hold.
RegistryView viewRegistry(const StoreReader& reader, text::Progress& progress);

}  // namespace holdfast::inspect
