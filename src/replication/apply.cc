#include "replication/apply.h"

#include <variant>

#include "format/contents.h"

namespace holdfast::replication {
namespace {

std::optional<Error> applyWrite(const LoggedReport& report, Replica& replica) {
  const auto entry = decodeJournal(report.record);
  if (!entry) return Error{ErrorCode::kInvalid, "a report's record is damaged"};
  return replica.apply(ReportRecord{.owner = report.owner,
                                    .location = report.location,
                                    .generation = report.generation,
                                    .stream = report.stream,
                                    .firstSeq = report.firstSeq,
                                    .operations = entry->operations,
                                    .countAfter = entry->countAfter,
                                    .digestAfter = entry->digestAfter,
                                    .counted = entry->counted,
                                    .position = entry->position});
}

std::optional<Error> applyWrite(const LoggedSyncBatch& batch, Replica& replica) {
  const auto keys = decodeBatch(batch.record);
  if (!keys) return Error{ErrorCode::kInvalid, "the record of a full sync's batch is damaged"};
  return replica.apply(BatchRecord{.owner = batch.owner,
                                   .location = batch.location,
                                   .generation = batch.generation,
                                   .number = batch.number,
                                   .keys = *keys});
}

std::optional<Error> applyWrite(const StoreBatch& batch, Replica& replica) {
  return replica.apply(batch);
}

}  // namespace

std::optional<Error> apply(const FrameBody& body, Replica& replica) {
  replica.name(body.owners);
  std::optional<Error> error;
  for (const LoggedWrite& write : body.writes) {
    error = std::visit([&](const auto& one) { return applyWrite(one, replica); }, write);
    if (error) break;
  }
  replica.name({});
  return error;
}

}  // namespace holdfast::replication
