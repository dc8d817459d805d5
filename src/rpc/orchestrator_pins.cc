// What is pinned.
#include <string>

#include "core/ids.h"
#include "core/queries/pins.h"
#include "rpc/convert_queries.h"
#include "rpc/orchestrator_service.h"
#include "serving/long_answer.h"
#include "wire/errors.h"
#include "wire/lists.h"
#include "wire/text.h"

namespace holdfast {
namespace {

constexpr uint32_t kPinEntriesPerQueryDefault = 1'000;
// Copying so many hashes takes as long as writing an entry.
constexpr size_t kHashesPerEntry = 256;

}  // namespace

kj::Promise<void> OrchestratorService::pins(PinsContext context) {
  const auto message = context.getParams().getMessage();
  const auto location = viewOf(message.getLocation());
  if (auto bad = invalidText("location name", location, kLocationNameBytesMax)) {
    return wireError({ErrorCode::kInvalid, *bad});
  }
  if (message.getMax() > kPinEntriesPerQueryMax) {
    return wireError({ErrorCode::kInvalid, "at most " + std::to_string(kPinEntriesPerQueryMax) +
                                               " entries can be listed at a time, not " +
                                               std::to_string(message.getMax())});
  }
  auto workers = filterOf(message.getInstanceId(), message.getWorkerIds());
  if (!workers.ok()) return wireError(workers.error());
  return inPieces(services_, context,
                  ListAnswer(
                      queries::PinCursor(services_.registry.tree(),
                                         {.workers = std::move(workers.value()),
                                          .location = std::string(location),
                                          .withChunks = message.getWithChunks(),
                                          .skip = message.getSkip(),
                                          .max = message.getMax() == 0 ? kPinEntriesPerQueryDefault
                                                                       : message.getMax()}),
                      [context](const queries::PinCursor& cursor, kj::uint size) mutable {
                        auto answer = context.getResults().initAnswer();
                        answer.setTotal(cursor.total());
                        return answer.initEntries(size);
                      },
                      [](const queries::PinView& pin, auto to) {
                        write(pin, to);
                        return 1 + pin.hashes.size() / kHashesPerEntry;
                      }));
}

}  // namespace holdfast
