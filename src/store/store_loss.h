// What a store has lost, told by its commit mark and by the replay of its logs; and what cannot be
// opened, with what to do.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/result.h"
#include "format/commit_mark.h"
#include "store/log_replay.h"

namespace holdfast {

// Logs that the mark names and the directory does not have, before an open.
std::set<uint64_t> missingLogs(const std::string& dataDir, const std::optional<CommitMark>& mark);

struct StoreLoss {
  // Sentences for people: which file, which writes. Empty: nothing is known to be lost.
  std::vector<std::string> what;
  // Families that are kept as they were before a hole in the logs.
  std::set<std::string> cut;
  // False: only what had not reached stable storage when the machine stopped.
  bool damage = false;

  bool any() const { return !what.empty(); }
};

// After an open that ended at write `latest`.
StoreLoss judgeLoss(const std::optional<CommitMark>& mark, const LogReplay& replay,
                    uint64_t latest);

// How far back a location is.
struct LocationLoss {
  uint16_t location = 0;
  std::string name;         // empty: the location itself is gone
  uint64_t from = 0;        // the store ends at this seq
  uint64_t to = 0;          // and had confirmed up to this one
  bool renumbered = false;  // `to` counts the operations of another incarnation or full sync
};

// `records`: of the locations that are there; `ends`: where these end, live and building parts.
std::vector<LocationLoss> compareWithMark(const FamilyMark& mark,
                                          const std::vector<LocationRecord>& records,
                                          const std::vector<LocationMark>& ends);
// "location 'gpu' is back at seq 17 of 40"
std::string describe(const LocationLoss& loss);

// The manifest that CURRENT should name, where it is missing or damaged: that of the mark, if it is
// there and no other is newer. Nothing if CURRENT is right, or nobody knows.
std::optional<std::string> manifestInstead(const std::string& dataDir, const CommitMark& mark);
// An error if the manifest that says what a store consists of cannot be trusted: the one that
// CURRENT names or, if given, should name.
std::optional<Error> checkManifest(const std::string& dataDir, const CommitMark& mark,
                                   const std::optional<std::string>& instead = std::nullopt);

// What RocksDB says of table files, with their names as they stand in the directory.
std::string withTableNames(std::string text);

// What to do about a store that cannot be opened, in this order.
std::string remedies(const std::string& dataDir);

}  // namespace holdfast
