// What holdfast-inspect can do, each command answered as a table or as JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "store/live_keys.h"
#include "store/store_reader.h"
#include "text/progress.h"

namespace holdfast::inspect {

enum ExitCode {
  kDone = 0,
  kFound = 1,  // problems, differences; or nothing of what was asked for by name
  kUsage = 2,
  kUnreadable = 3,  // a store cannot be opened or written, or a part of it cannot be read
};

struct Output {
  std::ostream& out;
  std::ostream& err;  // what went wrong, and what a table has no place for
  bool json = false;
  text::Progress& progress;
};

// Which workers and locations; empty: all of them.
struct Filter {
  std::string instance;
  std::vector<uint32_t> workers;
  std::vector<std::string> locations;
};

// Which events; empty: all of them.
struct EventFilter {
  std::string id;
  std::string instance;  // of the operation, or where a move goes
  std::string kind;      // operationName()
  std::string state;     // stateName()
  size_t max = 1000;     // the newest of them
};
// "unfinished", or what came of it: "done", "failed".
std::string stateName(const EventRecord& event);
inline constexpr const char* kEventUnfinished = "unfinished";

ExitCode showSummary(const StoreReader& reader, const Output& output);
ExitCode showDigest(const StoreReader& reader, const Output& output, bool content);
ExitCode showWorkers(const StoreReader& reader, const Output& output, const Filter& filter);
// Streamed, ascending within each location. With JSON: an object a line, for each up to 1,000 keys.
ExitCode showKeys(const StoreReader& reader, const Output& output, const Filter& filter,
                  KeyRange range);
ExitCode showEvents(const StoreReader& reader, const Output& output, const EventFilter& filter);
ExitCode findHolders(const StoreReader& reader, const Output& output, ChunkHash hash);
// Opens the store itself: what is wrong with a copy is told also of one that does not open.
ExitCode showVerification(const std::string& dataDir, const Output& output);
ExitCode showDifferences(const StoreReader& left, const StoreReader& right, const Output& output);
struct MigrateOptions {
  bool dryRun = false;  // says what would be done, and does nothing
  bool withoutCheckpoint = false;
  std::string checkpoint;  // a directory that is new; empty: beside the store
};
// Brings a store that nobody has open to this program's format.
ExitCode migrate(const std::string& dataDir, const Output& output, const MigrateOptions& options);
// JSON lines, see export.cc and import.cc.
ExitCode exportStore(const StoreReader& reader, const Output& output);
ExitCode importStore(std::istream& in, const std::string& dataDir, const Output& output);

// Saves what is left of a damaged store that nobody has open in a new one; see salvage.cc.
ExitCode salvage(const std::string& dataDir, const std::string& into, const Output& output);

}  // namespace holdfast::inspect
