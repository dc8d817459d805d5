// Between inputs and the entries of a log, both ways.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/index/prompt_lookup.h"
#include "core/input.h"
#include "core/operations/operation_request.h"
#include "core/result.h"
#include "schema/capture.capnp.h"

namespace holdfast {

// Kinds of entries (CaptureEntry::Which): those of inputs, and the first ones, which are of the log
// itself.
inline constexpr size_t kLogEntryKinds = 3;
inline constexpr size_t kEntryKinds = kLogEntryKinds + AllInputs::kSize;
// "full-sync-start"; "unknown" for a kind of a newer version.
std::string_view entryName(schema::CaptureEntry::Which kind);

// What the entry is about, with its session: that of `register` is the one it began.
void write(const TakenInput& taken, schema::CaptureEntry::Builder to);

// What an entry is read with, and what the input that it gives refers to.
class EntryReading {
 public:
  // Keeps the references. Links of all registrations are `link`; `lookup` makes all look-ups, with
  // nothing in between.
  EntryReading(WorkerLink& link, PromptLookup& lookup) : link_(link), lookup_(lookup) {}

  // The input that the entry is about; valid until the next call, as long as the entry is.
  // `session`: in place of the one that was logged. An error: it is about none, or is of a newer
  // version.
  Result<AnyInput> read(schema::CaptureEntry::Reader from, SessionId session);

 private:
  template <typename Input>
  friend struct EntryOf;

  // Keeps what was read, for the input to refer to.
  template <typename T>
  T& keep(T value) {
    return kept_.emplace<T>(std::move(value));
  }

  WorkerLink& link_;
  PromptLookup& lookup_;
  SessionId session_ = kNoSession;
  std::vector<uint64_t> numbers_;  // scratch
  std::vector<uint32_t> tokens_;   // scratch
  std::variant<std::monostate, Registration, std::vector<LocationStatement>, Report, FullSyncStart,
               FullSyncBatch, FullSyncEnd, OperationsLost, Clear, OperationOutcome, std::string,
               OperationRequest, FoldResult, StoreHealth>
      kept_;
};

}  // namespace holdfast
