// What a frame carries: writes to the store, as core/registry_store.h has them, in a form that
// every store of the group understands (schema/replication.capnp, FrameBody). Owners are named,
// because each store numbers its own.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/registry_store.h"
#include "core/replica/owner_name.h"

namespace holdfast::replication {

// In what follows an OwnerId is a place in FrameBody::owners.
struct LoggedReport {
  OwnerId owner = kNoOwner;
  uint16_t location = 0;
  uint32_t generation = 0;
  uint32_t stream = 0;
  uint64_t firstSeq = 0;
  std::span<const uint64_t> record;  // as encodeJournal() writes it; does not own
};
struct LoggedSyncBatch {
  OwnerId owner = kNoOwner;
  uint16_t location = 0;
  uint32_t generation = 0;
  uint32_t number = 0;
  std::span<const uint64_t> record;  // as encodeBatch() writes it; does not own
};
// As a store takes them, with the owner as it is; refer to the record. Nothing if that is damaged.
std::optional<ReportRecord> reportOf(const LoggedReport& logged);
std::optional<BatchRecord> batchOf(const LoggedSyncBatch& logged);

using LoggedWrite = std::variant<LoggedReport, LoggedSyncBatch, StoreBatch>;

struct FrameBody {
  std::vector<OwnerName> owners;
  std::vector<LoggedWrite> writes;
};

// Owners that writes name are in `owners`; steps about events have kNoOwner.
std::vector<uint8_t> encodeBody(const FrameBody& body);

// Nothing if it is damaged, names an owner or has a record that is not there or no record; never
// throws. Records of reports and batches are not looked into: decodeJournal() and decodeBatch() do.
// `words` must outlive the result.
std::optional<FrameBody> decodeBody(std::span<const uint64_t> words);

}  // namespace holdfast::replication
