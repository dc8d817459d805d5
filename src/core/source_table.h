// The table of engines that publish what their prefix caches hold, which the gateway of KV events
// keeps and the doors ask.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/engine_source.h"
#include "core/result.h"
#include "core/ticket.h"

namespace holdfast {

struct SourceState {
  EngineSource source;
  bool connected = false;            // as the socket says
  std::optional<uint64_t> position;  // sequence number of the last message that was applied
  bool lossy = false;                // messages were lost that nothing can bring back
  // Since the start.
  uint64_t messages = 0;
  uint64_t blocksStored = 0;
  uint64_t blocksRemoved = 0;
  uint64_t replayed = 0;  // messages that came by a replay
};

// All sources together, since the start.
struct SourceTotals {
  size_t sources = 0;
  size_t connected = 0;
  uint64_t messages = 0;
  uint64_t replayed = 0;    // of these
  uint64_t gaps = 0;        // times that something was found missing
  uint64_t lost = 0;        // messages, for good
  uint64_t restarts = 0;    // of engines' processes
  uint64_t unreadable = 0;  // messages
  uint64_t stored = 0;      // blocks
  uint64_t removed = 0;
  uint64_t leftOut = 0;  // blocks of groups that make no prefixes, or of too many locations
  uint64_t unknown = 0;  // events and fields that are not known here
};

// On the controller's loop. Sources are kept in the store, each with its worker's record.
class SourceTable {
 public:
  virtual ~SourceTable() = default;

  // The same again is fine. kInvalid: a value that cannot be; kRefused: there is a source of that
  // name with other values (remove it first), or a worker of another kind, or there is no room;
  // kUnavailable: the store cannot write. An error changes nothing. Answer when the ticket is
  // committed. Whether the engine can be reached shows later.
  virtual Result<Ticket> add(const EngineSource& source) = 0;

  // One rank, or all of an instance: the stream is left and what it held is forgotten. kNotFound
  // where there is none. Answer when the ticket is committed.
  virtual Result<Ticket> remove(std::string_view instance, std::optional<uint32_t> rank) = 0;

  // Null where there is none; valid until the next change.
  virtual const EngineSource* find(const SourceName& name) const = 0;

  // Ascending by name, at most `max` of those after `after` (null: from the first one).
  virtual std::vector<SourceState> list(const SourceName* after, size_t max) const = 0;

  virtual SourceTotals totals() const = 0;
};

}  // namespace holdfast
