#include "operation_commands.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "describe.h"

namespace holdfast::ctl {
namespace {

// Between two questions whether an operation has ended; doubles.
constexpr uint32_t kPollMinMs = 10;
constexpr uint32_t kPollMaxMs = 500;
// It is answered when every rank has answered, or at the controller's --health-timeout.
constexpr Patience kPatienceForHealth{60'000};

std::string kindName(schema::OperationKind kind) {
  return std::string(operationName(static_cast<OperationKind>(kind)));
}
std::string statusName(schema::EventStatus status) {
  return std::string(eventStatusName(static_cast<EventStatus>(status)));
}
std::string statusName(schema::RankStatus status) {
  return std::string(rankStatusName(static_cast<RankStatus>(status)));
}

Ending endingOf(schema::EventInfo::Reader event) {
  switch (event.getStatus()) {
    case schema::EventStatus::DONE:
      return Ending::kDone;
    case schema::EventStatus::FAILED:
      return Ending::kFailed;
    default:
      return Ending::kUnfinished;
  }
}

bool isFinal(schema::RankStatus status) {
  return status >= schema::RankStatus::DONE;
}

// Members of an object that is open.
void writeMembers(JsonWriter& json, schema::EventInfo::Reader event) {
  json.text("eventId", viewOf(event.getEventId()));
  json.text("kind", kindName(event.getKind()));
  json.text("instanceId", viewOf(event.getInstanceId()));
  json.text("location", viewOf(event.getLocation()));
  json.text("newInstanceId", viewOf(event.getNewInstanceId()));
  json.text("newLocation", viewOf(event.getNewLocation()));
  json.text("method", viewOf(event.getMethod()));
  json.boolean("copy", event.getCopy());
  json.number("chunks", event.getChunks());
  json.number("ttlSeconds", event.getTtlSeconds());
  json.text("status", statusName(event.getStatus()));
  json.number("numTokens", event.getNumTokens());
  json.text("error", viewOf(event.getError()));
  json.number("createdMs", event.getCreatedMs());
  json.number("finishedMs", event.getFinishedMs());
}

void writeEvent(JsonWriter& json, schema::EventInfo::Reader event) {
  json.beginObject();
  writeMembers(json, event);
  json.beginList("ranks");
  for (const auto rank : event.getRanks()) {
    json.beginObject();
    json.number("workerId", rank.getWorkerId());
    json.text("status", statusName(rank.getStatus()));
    json.number("numTokens", rank.getNumTokens());
    json.integer("errorCode", rank.getErrorCode());
    json.text("error", viewOf(rank.getError()));
    json.endObject();
  }
  json.endList();
  json.endObject();
}

// "clear of llama-0 gpu"
std::string describe(schema::EventInfo::Reader event) {
  std::string text = kindName(event.getKind()) + " of " + stringOf(event.getInstanceId());
  if (event.getLocation().size() != 0) text += " " + stringOf(event.getLocation());
  if (event.getKind() == schema::OperationKind::MOVE) {
    text += " to " + stringOf(event.getNewInstanceId()) + " " + stringOf(event.getNewLocation());
  }
  if (event.getTtlSeconds() != 0) text += " for " + durationText(event.getTtlSeconds() * 1000);
  return text;
}

std::string summary(schema::EventInfo::Reader event) {
  switch (event.getStatus()) {
    case schema::EventStatus::DONE:
      if (event.getNumTokens() == 0) return "done, 0 tokens: no rank holds any of it";
      return "done, " + grouped(event.getNumTokens()) + " tokens";
    case schema::EventStatus::UNKNOWN:
      return "unknown: a worker's session or the controller ended meanwhile; it is known when the "
             "worker is back";
    case schema::EventStatus::FAILED:
      return "FAILED: not every rank did the same, see below";
    default:
      return "running";
  }
}

void printEvent(std::ostream& out, schema::EventInfo::Reader event) {
  out << describe(event) << " (event " << stringOf(event.getEventId()) << "): " << summary(event)
      << '\n';
  if (event.getStatus() == schema::EventStatus::DONE) return;
  Table table({{"RANK", kRight}, {"STATUS"}, {"TOKENS", kRight}, {"NOTE"}});
  for (const auto rank : event.getRanks()) {
    const bool done = rank.getStatus() == schema::RankStatus::DONE;
    table.add({std::to_string(rank.getWorkerId()), statusName(rank.getStatus()),
               done ? grouped(rank.getNumTokens()) : "", stringOf(rank.getError())});
  }
  table.print(out);
}

Ending show(const Output& output, schema::EventInfo::Reader event) {
  if (output.json) {
    JsonWriter json(output.out);
    writeEvent(json, event);
  } else {
    printEvent(output.out, event);
  }
  return endingOf(event);
}

capnp::Response<schema::Orchestrator::CheckFinishResults> eventOf(Controller& controller,
                                                                  const std::string& eventId) {
  auto request = controller.orchestrator().checkFinishRequest();
  request.initMessage().setEventId(textOf(eventId));
  return controller.call(request);
}

// On a terminal only: how many ranks have answered.
class Progress {
 public:
  explicit Progress(const Output& output) : shown_(!output.json && isatty(STDERR_FILENO) == 1) {}
  ~Progress() {
    if (drawn_) std::cerr << "\r\x1b[K" << std::flush;
  }
  void draw(schema::EventInfo::Reader event) {
    if (!shown_) return;
    const auto ranks = event.getRanks();
    const auto answered = std::count_if(ranks.begin(), ranks.end(),
                                        [](const auto& rank) { return isFinal(rank.getStatus()); });
    std::cerr << '\r' << describe(event) << ": " << answered << " of " << ranks.size()
              << " ranks have answered" << std::flush;
    drawn_ = true;
  }

 private:
  const bool shown_;
  bool drawn_ = false;
};

Ending follow(Controller& controller, const Output& output, schema::EventInfo::Reader started) {
  const std::string id = stringOf(started.getEventId());
  if (endingOf(started) != Ending::kUnfinished) return show(output, started);
  try {
    auto progress = std::make_unique<Progress>(output);
    progress->draw(started);
    for (uint32_t waitMs = kPollMinMs;; waitMs = std::min(waitMs * 2, kPollMaxMs)) {
      controller.pause(waitMs);
      const auto response = eventOf(controller, id);
      if (endingOf(response.getEvent()) == Ending::kUnfinished) {
        progress->draw(response.getEvent());
        continue;
      }
      progress = nullptr;  // gone before anything is printed
      return show(output, response.getEvent());
    }
  } catch (const Unreachable& e) {
    throw Unreachable(std::string(e.what()) +
                      "\nThe operation is recorded: holdfast-ctl check-finish " + id +
                      " tells what became of it.");
  }
}

template <typename Message>
void select(const Operation& operation, Message message) {
  auto chunks = message.initChunks();
  if (operation.tokens) {
    chunks.setTokens(kj::arrayPtr(operation.tokens->data(), operation.tokens->size()));
  } else if (operation.hashes) {
    chunks.setHashes(kj::arrayPtr(operation.hashes->data(), operation.hashes->size()));
  } else {
    chunks.setAll();
  }
}

// Sends it and follows it to its end. `fill` sets what only this kind has.
template <typename Request, typename Fill>
Ending start(Controller& controller, const Output& output, const Operation& operation,
             Request request, Fill fill) {
  auto message = request.initMessage();
  message.setEventId(textOf(operation.eventId));
  message.setNoWait(true);
  fill(message);
  const auto response = controller.call(request, kPatienceForChanges);
  if (operation.wait) return follow(controller, output, response.getEvent());
  show(output, response.getEvent());
  return Ending::kDone;
}

}  // namespace

Ending runOperation(Controller& controller, const Output& output, const Operation& operation) {
  const auto place = [&](auto& message) {
    message.setInstanceId(textOf(operation.instance));
    message.setLocation(textOf(operation.location));
  };
  const auto compress = [&](auto& message) {
    place(message);
    message.setMethod(textOf(operation.method));
    select(operation, message);
  };
  auto ask = controller.orchestrator();
  switch (operation.kind) {
    case OperationKind::kClear:
      return start(controller, output, operation, ask.clearRequest(), place);
    case OperationKind::kPin:
      return start(controller, output, operation, ask.pinRequest(), [&](auto& message) {
        place(message);
        message.setTtlSeconds(operation.ttlSeconds);
        select(operation, message);
      });
    case OperationKind::kCompress:
      return start(controller, output, operation, ask.compressRequest(), compress);
    case OperationKind::kDecompress:
      return start(controller, output, operation, ask.decompressRequest(), compress);
    case OperationKind::kMove:
      return start(controller, output, operation, ask.moveRequest(), [&](auto& message) {
        auto from = message.initOldPosition();
        from.setInstanceId(textOf(operation.instance));
        from.setLocation(textOf(operation.location));
        auto to = message.initNewPosition();
        to.setInstanceId(textOf(operation.newInstance));
        to.setLocation(textOf(operation.newLocation));
        message.setCopy(operation.copy);
        select(operation, message);
      });
    case OperationKind::kHealth:
      break;
  }
  return showHealth(controller, output, operation.instance);
}

Ending showHealth(Controller& controller, const Output& output, const std::string& instance) {
  auto request = controller.orchestrator().healthRequest();
  request.initMessage().setInstanceId(textOf(instance));
  const auto response = controller.call(request, kPatienceForHealth);
  const auto event = response.getEvent();
  if (output.json) return show(output, event);
  Table table({{"RANK", kRight}, {"HEALTH"}, {"ERROR CODE", kRight}, {"NOTE"}});
  for (const auto rank : event.getRanks()) {
    const bool healthy = rank.getErrorCode() == 0;
    table.add({std::to_string(rank.getWorkerId()), healthy ? "healthy" : "NOT HEALTHY",
               std::to_string(rank.getErrorCode()), stringOf(rank.getError())});
  }
  table.print(output.out);
  return endingOf(event);
}

Ending checkFinish(Controller& controller, const Output& output, const std::string& eventId) {
  return show(output, eventOf(controller, eventId).getEvent());
}

void showEvents(Controller& controller, const Output& output, const std::string& instance,
                bool unfinishedOnly, uint32_t max) {
  auto request = controller.orchestrator().eventsRequest();
  auto message = request.initMessage();
  message.setInstanceId(textOf(instance));
  message.setUnfinishedOnly(unfinishedOnly);
  message.setMax(max);
  const auto response = controller.call(request);
  const auto events = response.getAnswer().getEvents();
  if (events.size() == 0 && !instance.empty()) requireNamed(controller, instance, {}, {});
  if (output.json) {
    JsonWriter json(output.out);
    json.beginList();
    for (const auto event : events) {
      json.beginObject();
      writeMembers(json, event);
      json.endObject();
    }
    json.endList();
    return;
  }
  if (events.size() == 0) {
    output.out << "no events\n";
    return;
  }
  Table table(
      {{"EVENT"}, {"OPERATION"}, {"STATUS"}, {"TOKENS", kRight}, {"STARTED"}, {"TOOK", kRight}});
  for (const auto event : events) {
    const bool done = event.getStatus() == schema::EventStatus::DONE;
    const uint64_t tookMs = event.getFinishedMs() > event.getCreatedMs()
                                ? event.getFinishedMs() - event.getCreatedMs()
                                : 0;
    table.add({stringOf(event.getEventId()), describe(event), statusName(event.getStatus()),
               done ? grouped(event.getNumTokens()) : "", agoText(event.getCreatedMs()),
               event.getFinishedMs() == 0 ? "" : durationText(tookMs)});
  }
  table.print(output.out);
  if (response.getAnswer().getTotal() > events.size()) {
    output.out << "and " << grouped(response.getAnswer().getTotal() - events.size())
               << " older ones; --max N shows more\n";
  }
}

void forgetWorker(Controller& controller, const Output& output, const std::string& instance,
                  uint32_t worker) {
  auto request = controller.op().forgetRequest();
  auto message = request.initMessage();
  message.setInstanceId(textOf(instance));
  message.setWorkerId(worker);
  controller.call(request, kPatienceForChanges);
  if (output.json) {
    JsonWriter json(output.out);
    json.beginObject();
    json.text("instanceId", instance);
    json.number("workerId", worker);
    json.endObject();
  } else {
    output.out << "forgotten; if it is alive it registers again by itself\n";
  }
}

void drainInstance(Controller& controller, const Output& output, const std::string& instance,
                   bool undo) {
  auto request = controller.op().drainRequest();
  auto message = request.initMessage();
  message.setInstanceId(textOf(instance));
  message.setUndo(undo);
  controller.call(request, kPatienceForChanges);
  if (output.json) {
    JsonWriter json(output.out);
    json.beginObject();
    json.text("instanceId", instance);
    json.boolean("drained", !undo);
    json.endObject();
  } else {
    output.out << (undo ? "look-ups name it again\n"
                        : "no look-up names it any more; holdfast-ctl drain --undo ends that\n");
  }
}

}  // namespace holdfast::ctl
