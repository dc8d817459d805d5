// Records of the store itself and of the registry <-> values (schema/storage.capnp).
//
// Decoding never throws: what does not decode is damage, which the caller reports.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/placed_store.h"
#include "core/records.h"
#include "core/registry_store.h"

namespace holdfast {

using ClusterId = std::array<uint8_t, 16>;

struct FormatRecord {
  uint32_t version = 0;  // number of the last migration applied; 0: none
  ClusterId clusterId{};
  std::string createdBy;
  uint64_t createdWallMs = 0;
};

// What the clocks say at one moment; see store/store_clock.h.
struct TimeRecord {
  uint64_t storeMs = 0;
  uint64_t wallMs = 0;
  uint64_t bootMs = 0;  // since the machine was booted
  std::string boot;     // names that boot; empty: not known
};

enum class OwnerKind : uint8_t { kInstance, kWorker, kAbandoned };

struct OwnerRecord {
  std::string instance;
  OwnerKind kind = OwnerKind::kInstance;
  uint32_t worker = 0;  // of a worker
};

std::string encodeRecord(const FormatRecord& record);
std::string encodeRecord(const TimeRecord& record);
std::string encodeRecord(const LogPlace& place);
std::string encodeRecord(const OwnerRecord& record);
std::string encodeRecord(const InstanceRecord& record);
std::string encodeRecord(const WorkerRecord& record);
std::string encodeRecord(const LocationRecord& record);
std::string encodeRecord(const PinRecord& record);

std::optional<FormatRecord> decodeFormat(std::string_view value);
std::optional<TimeRecord> decodeTime(std::string_view value);
std::optional<LogPlace> decodeLogPlace(std::string_view value);
std::optional<OwnerRecord> decodeOwner(std::string_view value);
std::optional<InstanceRecord> decodeInstance(std::string_view value);
std::optional<WorkerRecord> decodeWorker(std::string_view value);
std::optional<LocationRecord> decodeLocation(std::string_view value);
std::optional<PinRecord> decodePin(std::string_view value);

}  // namespace holdfast
