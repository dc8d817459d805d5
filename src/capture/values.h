// Between the messages of schema/ and core's plain values, both ways: what rpc reads and a log
// remembers.
#pragma once

#include <capnp/any.h>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/messages.h"
#include "core/operations/operation_request.h"
#include "schema/capture.capnp.h"
#include "schema/messages.capnp.h"

namespace holdfast {

// Valid as long as the message is.
inline std::string_view viewOf(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}
inline capnp::Text::Reader textOf(std::string_view text) {
  return {text.data(), text.size()};
}

// The numbers of a list as they lie in the message, without a copy. A peer may have encoded the
// list in a wider form (schema evolution allows it): then they are copied into `scratch`.
template <typename T>
std::span<const T> numbersOf(typename capnp::List<T>::Reader list, std::vector<T>& scratch);
extern template std::span<const uint64_t> numbersOf<uint64_t>(capnp::List<uint64_t>::Reader,
                                                              std::vector<uint64_t>&);
extern template std::span<const uint32_t> numbersOf<uint32_t>(capnp::List<uint32_t>::Reader,
                                                              std::vector<uint32_t>&);
// Into a list of the same size, as fast as memory goes.
template <typename T>
void copyNumbers(std::span<const T> numbers, typename capnp::List<T>::Builder list);
extern template void copyNumbers<uint64_t>(std::span<const uint64_t>,
                                           capnp::List<uint64_t>::Builder);
extern template void copyNumbers<uint32_t>(std::span<const uint32_t>,
                                           capnp::List<uint32_t>::Builder);

Registration read(schema::RegisterMsg::Reader from);
void write(const Registration& registration, schema::RegisterMsg::Builder to);

std::vector<LocationStatement> read(capnp::List<schema::LocationStatement>::Reader from);
void write(const std::vector<LocationStatement>& statements,
           capnp::List<schema::LocationStatement>::Builder to);

// Refers to the message, and to `scratch`. Nothing if it has too few evict bits.
struct ReadReport {
  Report report;
  std::string error;  // not empty: malformed, and why
};
ReadReport read(schema::BatchedKVOperationMsg::Reader from, std::vector<uint64_t>& scratch);
void write(const Report& report, schema::BatchedKVOperationMsg::Builder to);

FullSyncStart read(schema::FullSyncStartMsg::Reader from);
void write(const FullSyncStart& start, schema::FullSyncStartMsg::Builder to);
FullSyncBatch read(schema::FullSyncBatchMsg::Reader from, std::vector<uint64_t>& scratch);
void write(const FullSyncBatch& batch, schema::FullSyncBatchMsg::Builder to);
FullSyncEnd read(schema::FullSyncEndMsg::Reader from);
void write(const FullSyncEnd& end, schema::FullSyncEndMsg::Builder to);

OperationOutcome read(schema::WorkerOutcomeMsg::Reader from);
void write(const OperationOutcome& outcome, schema::WorkerOutcomeMsg::Builder to);
OperationRequest read(schema::CaptureOperation::Reader from);
void write(const OperationRequest& request, schema::CaptureOperation::Builder to);

FoldResult read(schema::CaptureFold::Reader from);
void write(const FoldResult& result, schema::CaptureFold::Builder to);

using NamedCounters = std::vector<std::pair<std::string, uint64_t>>;
NamedCounters read(capnp::List<schema::StatusRetMsg::Counter>::Reader from);
void write(const NamedCounters& counters, capnp::List<schema::StatusRetMsg::Counter>::Builder to);

}  // namespace holdfast
