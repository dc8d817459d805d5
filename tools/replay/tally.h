// What was replayed, counted, and how it ended: as a table or as JSON.
#pragma once

#include <array>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "capture/values.h"
#include "replay/kinds.h"

namespace holdfast::replay {

struct Outcome {
  std::vector<uint64_t> byKind;  // entries, by CaptureEntry::Which
  uint64_t operations = 0;       // of reports
  double seconds = 0;
  double recordedSeconds = 0;  // from the first entry to the last one, as captured
  bool hasDigests = false;
  std::string registryDigest;
  std::string contentDigest;
  NamedCounters counters;
  std::string end;                       // how the log ends: as its last entry says, or "cut"
  std::vector<std::string> problems;     // of the log
  std::vector<std::string> differences;  // between what came and what the log says
};

uint64_t messagesOf(const Outcome& outcome);
void printTable(const Outcome& outcome, std::ostream& out);
void printJson(const Outcome& outcome, std::ostream& out);

}  // namespace holdfast::replay
