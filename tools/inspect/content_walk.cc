#include "inspect/content_walk.h"

#include <variant>

namespace holdfast::inspect {
namespace {

using Kind = ContentFault::Kind;

struct FaultText {
  const char* kind;
  std::string what;
};

std::string nextOneIs(uint64_t number) {
  return "it is missing: the next one there is " + std::to_string(number);
}

// Nothing where no finding of the content is made of it: keys of no kind are found with all others.
std::optional<FaultText> textOf(const ContentFault& fault) {
  switch (fault.kind) {
    case Kind::kStrayKey:
      break;
    case Kind::kUndecodable:
      return FaultText{"undecodable", "it does not decode"};
    case Kind::kMissing:
      return FaultText{
          std::holds_alternative<SegmentKey>(fault.at) ? "segment-missing" : "batch-missing",
          nextOneIs(fault.number)};
    case Kind::kNotAscending:
      return FaultText{"segment-order", "its hash number " + std::to_string(fault.number) +
                                            " is not above the one before it"};
    case Kind::kTooMany:
      return FaultText{"batch-number",
                       "the full sync has only " + std::to_string(fault.number) + " batches"};
    case Kind::kUnknownStream:
      return FaultText{"unknown-stream", "its stream was never begun: the current one is " +
                                             std::to_string(fault.number)};
    case Kind::kLeftBehind:
      return FaultText{"stale-journal", "it was left behind: everything up to seq " +
                                            std::to_string(fault.number) + " is in the segments"};
    case Kind::kGap:
      return FaultText{"journal-gap", "it should begin at seq " + std::to_string(fault.number) +
                                          (std::get<JournalKey>(fault.at).firstSeq > fault.number
                                               ? ": what was before it is missing"
                                               : ": it overlaps")};
  }
  return std::nullopt;
}

// Tells the visitor of all that is there, and says what is wrong on the way.
class Walk : public ContentListener {
 public:
  Walk(ContentVisitor& visitor, const Report& report) : visitor_(visitor), report_(report) {}

  bool fault(const ContentFault& fault) override {
    reportFault(fault, report_);
    if (fault.kind != Kind::kStrayKey && fault.kind != Kind::kLeftBehind) visitor_.lost();
    return true;
  }
  void base() override { visitor_.base(); }

 private:
  ContentVisitor& visitor_;
  const Report& report_;
};

}  // namespace

void reportFault(const ContentFault& fault, const Report& report) {
  const auto text = textOf(fault);
  if (!text) return;
  report(text->kind, std::visit([](const auto& key) { return nameOf(key); }, fault.at), text->what);
}

std::optional<Error> walkContent(FamilyRows& rows, const LocationRecord& location,
                                 ContentVisitor& visitor, const Report& report) {
  Walk walk(visitor, report);
  ReusedMemory memory;
  const LivePart& live = location.live;
  if (live.fold != 0) {
    SegmentCursor cursor(rows, location.id, live, memory, walk);
    while (const auto keys = cursor.next()) visitor.keys(*keys);
  } else {
    BatchCursor cursor(rows, location.id, live, memory, walk);
    while (const auto batch = cursor.next()) visitor.keys(batch->keys);
  }
  if (auto error = rows.error()) return error;
  JournalCursor cursor(rows, location.id, live, memory, walk);
  while (const auto entry = cursor.next()) visitor.journal(*entry);
  return rows.error();
}

std::string nameOf(const SegmentKey& key) {
  return "segment " + std::to_string(key.n) + " of generation " + std::to_string(key.generation) +
         ", fold " + std::to_string(key.fold);
}

std::string nameOf(const JournalKey& key) {
  return "journal record at seq " + std::to_string(key.firstSeq) + " of generation " +
         std::to_string(key.generation) + ", stream " + std::to_string(key.stream);
}

std::string nameOf(const BatchKey& key) {
  return "batch " + std::to_string(key.number) + " of generation " + std::to_string(key.generation);
}

}  // namespace holdfast::inspect
