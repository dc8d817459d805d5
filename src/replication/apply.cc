#include "replication/apply.h"

#include <cstddef>
#include <variant>

namespace holdfast::replication {
namespace {

std::optional<Error> applyWrite(const LoggedReport& report, Replica& replica) {
  const auto record = reportOf(report);
  if (!record) return Error{ErrorCode::kInvalid, "a report's record is damaged"};
  return replica.apply(*record);
}

std::optional<Error> applyWrite(const LoggedSyncBatch& batch, Replica& replica) {
  const auto record = batchOf(batch);
  if (!record) return Error{ErrorCode::kInvalid, "the record of a full sync's batch is damaged"};
  return replica.apply(*record);
}

std::optional<Error> applyWrite(const StoreBatch& batch, Replica& replica) {
  return replica.apply(batch);
}

// `before` is told how many are applied with the next one.
template <typename Before>
std::optional<Error> applyFrom(size_t first, const FrameBody& body, Replica& replica,
                               Before before) {
  replica.name(body.owners);
  std::optional<Error> error;
  for (size_t i = first; i < body.writes.size() && !error; ++i) {
    before(i + 1);
    error = std::visit([&](const auto& one) { return applyWrite(one, replica); }, body.writes[i]);
  }
  replica.name({});
  return error;
}

}  // namespace

std::optional<Error> apply(const FrameBody& body, Replica& replica) {
  return applyFrom(0, body, replica, [](size_t) {});
}

std::optional<Error> apply(const FrameBody& body, Replica& replica, PlacedStore& store,
                           LogPlace from, const LogPlace& after) {
  if (from.writes > body.writes.size()) {
    return Error{ErrorCode::kInvalid, "the store has more of a batch than there is in it"};
  }
  LogPlace before = from;
  auto error = applyFrom(from.writes, body, replica, [&](size_t count) {
    before.writes = from.writes;
    from.writes = static_cast<uint32_t>(count);
    store.reach(count == body.writes.size() ? after : from);
  });
  // Whatever is written yet (folds are) does not bring the store past what it does not have.
  if (error) store.reach(before);
  return error;
}

}  // namespace holdfast::replication
