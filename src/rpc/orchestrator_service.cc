#include "rpc/orchestrator_service.h"

#include <optional>
#include <string>
#include <utility>

#include "core/ids.h"
#include "core/queries/instance_by_ip.h"
#include "core/queries/instances.h"
#include "core/queries/workers.h"
#include "rpc/convert_queries.h"
#include "serving/long_answer.h"
#include "wire/errors.h"
#include "wire/lists.h"
#include "wire/text.h"

namespace holdfast {

std::optional<Error> OrchestratorService::invalidEventId(capnp::Text::Reader eventId) {
  if (eventId.size() == 0) return std::nullopt;
  const auto bad = invalidText("event id", viewOf(eventId), kEventIdBytesMax);
  if (!bad) return std::nullopt;
  return Error{ErrorCode::kInvalid, *bad};
}

kj::Promise<void> OrchestratorService::queryInstance(QueryInstanceContext context) {
  const auto message = context.getParams().getMessage();
  if (auto error = invalidEventId(message.getEventId())) return wireError(*error);
  if (auto bad = invalidId("ip", viewOf(message.getIp()), kIpBytesMax)) {
    return wireError({ErrorCode::kInvalid, *bad});
  }
  return inPieces(services_, context,
                  [context, eventId = std::string(viewOf(message.getEventId())),
                   query = queries::InstanceByIp(services_.registry.tree(),
                                                 std::string(viewOf(message.getIp())))]() mutable {
                    if (query.next()) return true;
                    auto answer = context.getResults().initAnswer();
                    answer.setEventId(textOf(eventId));
                    answer.setInstanceId(textOf(query.instance()));
                    return false;
                  });
}

Result<queries::WorkerFilter> OrchestratorService::filterOf(
    capnp::Text::Reader instanceId, capnp::List<uint32_t>::Reader workerIds) {
  if (auto bad = invalidText("instance id", viewOf(instanceId), kInstanceIdBytesMax)) {
    return Error{ErrorCode::kInvalid, *bad};
  }
  if (workerIds.size() > kWorkerIdsPerQueryMax) {
    return Error{ErrorCode::kInvalid,
                 "query of " + std::to_string(workerIds.size()) + " worker ids, at most " +
                     std::to_string(kWorkerIdsPerQueryMax) + " are allowed; none means all"};
  }
  const auto ids = numbersOf<uint32_t>(workerIds, scratch_);
  return queries::WorkerFilter{std::string(viewOf(instanceId)), {ids.begin(), ids.end()}};
}

kj::Promise<void> OrchestratorService::queryWorkers(QueryWorkersContext context) {
  const auto message = context.getParams().getMessage();
  if (auto error = invalidEventId(message.getEventId())) return wireError(*error);
  auto filter = filterOf(message.getInstanceId(), message.getWorkerIds());
  if (!filter.ok()) return wireError(filter.error());
  return inPieces(
      services_, context,
      ListAnswer(
          queries::WorkerCursor(services_.registry, std::move(filter.value())),
          [this, context, eventId = std::string(viewOf(message.getEventId()))](
              const auto&, kj::uint size) mutable {
            auto answer = context.getResults().initAnswer();
            answer.setEventId(textOf(eventId));
            answer.setRole(static_cast<schema::ReplicaRole>(services_.group.view().role));
            return answer.initWorkerInfos(size);
          },
          [](const queries::WorkerView& worker, auto to) {
            write(worker, to);
            return 1 + worker.locations.size();
          }));
}

kj::Promise<void> OrchestratorService::instances(InstancesContext context) {
  const auto instance = viewOf(context.getParams().getMessage().getInstanceId());
  if (auto bad = invalidText("instance id", instance, kInstanceIdBytesMax)) {
    return wireError({ErrorCode::kInvalid, *bad});
  }
  return inPieces(services_, context,
                  ListAnswer(
                      queries::InstanceCursor(services_.registry, std::string(instance)),
                      [context](const auto&, kj::uint size) mutable {
                        return context.getResults().initAnswer().initInstances(size);
                      },
                      [](const queries::InstanceView& found, auto to) {
                        write(found, to);
                        return 1 + found.ranks.size();
                      }));
}

}  // namespace holdfast
