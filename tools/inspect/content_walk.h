// Reads the live part of a location record by record, in the order in which it applies, and says
// where its records do not hold together: numbering, order, continuity.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "core/result.h"
#include "format/content_cursor.h"
#include "format/family_rows.h"

namespace holdfast::inspect {

// What was read. Nothing stands longer than the call.
class ContentVisitor {
 public:
  virtual ~ContentVisitor() = default;
  // Of a segment or a batch.
  virtual void keys(std::span<const ChunkHash> keys) = 0;
  // What comes from now on is above the base of the live part.
  virtual void base() = 0;
  virtual void journal(const JournalEntry& entry) = 0;
  // Something is missing here: what it leads to cannot be known.
  virtual void lost() = 0;
};

// What is wrong with which record; `kind` is that of a finding.
using Report =
    std::function<void(const char* kind, const std::string& record, const std::string& what)>;

// The error says why reading ended early (a damaged table file).
std::optional<Error> walkContent(FamilyRows& rows, const LocationRecord& location,
                                 ContentVisitor& visitor, const Report& report);

// How findings name a fault and its record.
void reportFault(const ContentFault& fault, const Report& report);
std::string nameOf(const SegmentKey& key);
std::string nameOf(const JournalKey& key);
std::string nameOf(const BatchKey& key);

}  // namespace holdfast::inspect
