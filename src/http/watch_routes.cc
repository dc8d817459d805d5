#include "http/watch_routes.h"

#include <memory>
#include <string>
#include <utility>

#include "http/event_stream.h"
#include "http/json.h"
#include "wire/errors.h"

namespace holdfast::http {
namespace {

// What sending an event costs in terms of ReadBudget: many watch, and each is sent every event.
constexpr size_t kSendCostBytes = 512;

std::string dataOf(const WatchEvent& event) {
  std::string text;
  JsonWriter json(text);
  json.beginObject().number("atMs", event.atMs).text("instanceId", event.instance);
  switch (event.kind) {
    case WatchKind::kInstanceUp:
    case WatchKind::kInstanceDown:
    case WatchKind::kInstanceDrained:
    case WatchKind::kInstanceUndrained:
      break;
    case WatchKind::kWorkerUp:
      json.number("workerId", event.worker)
          .text("address", event.address)
          .text("model", event.model);
      break;
    case WatchKind::kWorkerDown:
      json.number("workerId", event.worker)
          .text("cause", event.cause)
          .boolean("forgotten", event.forgotten);
      break;
    case WatchKind::kLocationDiverged:
      json.number("workerId", event.worker)
          .text("location", event.location)
          .text("reason", event.cause);
      break;
    case WatchKind::kLocationInSync:
      json.number("workerId", event.worker).text("location", event.location);
      break;
    case WatchKind::kOperationEnded:
      json.text("eventId", event.operationId)
          .text("kind", operationName(event.operation))
          .text("status", event.failed ? "failed" : "done");
      break;
  }
  json.endObject();
  return text;
}

// One who watches, until the peer leaves.
struct WatchStream {
  kj::Promise<void> begin() {
    const auto reset = watcher->reset();
    if (!reset) {
      out.begin();
      return goOn();
    }
    std::string text;
    JsonWriter(text).beginObject().text("reason", nameOf(*reset)).endObject();
    return out.send("reset", watcher->id(), text).then([this]() { return goOn(); });
  }

  kj::Promise<void> goOn() {
    return services.budget.ready(kSendCostBytes).then([this]() -> kj::Promise<void> {
      if (const WatchEvent* const event = watcher->next()) {
        return out.send(nameOf(event->kind), watcher->id(), dataOf(*event)).then([this]() {
          return goOn();
        });
      }
      // Too slow a reader: it comes back, and is told that there is a hole.
      if (watcher->fellBehind()) return kj::READY_NOW;
      return watcher->arrival()
          .then([]() { return true; })
          .exclusiveJoin(timer.afterDelay(kWatchPing).then([]() { return false; }))
          .then([this](bool arrived) -> kj::Promise<void> {
            if (arrived) return goOn();
            return out.ping().then([this]() { return goOn(); });
          });
    });
  }

  Services& services;
  kj::Timer& timer;
  EventStream& out;
  std::unique_ptr<WatchLog::Watcher> watcher;
};

constexpr std::string_view kWatchAnswer = R"({
  "type": "string",
  "description": "server-sent events; `data` of each is a JSON object, and docs/http.md has them"})";

}  // namespace

void addWatchRoutes(RouteTable& routes, Services& services, WatchLog& log, kj::Timer& timer) {
  routes.add(
      {.path = "/v1/watch",
       .permission = Permission::kWatch,
       .summary = "What comes and goes, as it happens: instances, workers, repairs, operations",
       .body = {},
       .answer = kWatchAnswer,
       .answerType = "text/event-stream",
       .stream = [&services, &log, &timer](const std::shared_ptr<Request>& request,
                                           EventStream& out) -> kj::Promise<void> {
         auto watcher = log.watch(request->lastEventId);
         if (!watcher.ok()) return wireError(watcher.error());
         auto stream =
             kj::heap<WatchStream>(WatchStream{services, timer, out, std::move(watcher.value())});
         WatchStream& one = *stream;
         return one.begin().attach(kj::mv(stream));
       }});
}

}  // namespace holdfast::http
