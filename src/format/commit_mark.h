// The commit mark: what a store says, outside its logs, of how far it had committed. With it a
// start knows what damage to the logs or the manifest has taken, which those cannot tell
// themselves: a log that is cut short looks like one that was never longer.
//
// It stands in the file COMMITTED of the store's directory, in frames that are appended; each says
// how far everything is, and of which families that has changed. A frame that is torn ends it. The
// file may be missing (an older program, a backup): then nothing is promised, and nothing is wrong.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "format/registry_records.h"

namespace holdfast {

inline constexpr const char* kCommitMarkFile = "COMMITTED";

// How far a generation of a location is: its newest operation that was committed.
struct LocationMark {
  uint16_t location = 0;
  uint32_t generation = 0;
  uint32_t stream = 0;
  uint64_t seq = 0;
  // Up to here it had been confirmed before damage took it back to `seq`, and its worker has not
  // brought it there again; 0: nothing is owed.
  uint64_t owed = 0;
};

struct FamilyMark {
  OwnerRecord owner;
  std::vector<LocationMark> locations;
};

// RocksDB's numbers of writes are sequence numbers here.
struct CommitMark {
  ClusterId store{};
  std::string identity;  // what the file IDENTITY said: a mark of another store is not ours
  std::string boot;      // of the machine that wrote it: what is in its page cache lives as long
  uint64_t committed = 0;
  uint64_t synced = 0;  // up to here on stable storage

  // The manifest in force, of which so many bytes are on stable storage.
  std::string manifest;
  uint64_t manifestBytes = 0;
  uint32_t manifestCrc = 0;

  // Logs that were not deleted, and the newest of them that was not empty: the last write is in it
  // or behind it. Up to `base` everything was in table files when the run began.
  std::set<uint64_t> logs;
  uint64_t endLog = 0;
  uint64_t base = 0;

  std::map<uint32_t, FamilyMark> families;  // in use, by number of the family
};

// A frame with the state of all of `mark` but families, and with those that are named.
std::string encodeMarkFrame(const CommitMark& mark, const std::vector<uint32_t>& families);
// Of all whole frames. Nothing if there is none. `bytes`, if given: where they end.
std::optional<CommitMark> decodeMark(std::string_view frames, size_t* bytes = nullptr);

struct ReadMark {
  std::optional<CommitMark> mark;
  std::string problem;  // the file is there and says nothing, or could not be read to its end
};
ReadMark readCommitMark(const std::string& dataDir);

// What the file IDENTITY says; empty if it is missing or empty.
std::string readIdentity(const std::string& dataDir);

}  // namespace holdfast
