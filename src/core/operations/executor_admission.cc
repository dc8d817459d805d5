// What is asked for, and what is known before anything is sent: whether all ranks are there, and
// whether the chunks mean the same to whoever names them and to whoever holds them.
#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/notice.h"
#include "core/operations/executor.h"
#include "core/registry/instance_ranks.h"

namespace holdfast {
namespace {

std::string describeInstance(std::string_view instance) {
  return "instance " + quotedForPeople(instance);
}

std::string drawnId(uint64_t random) {
  char id[32];
  std::snprintf(id, sizeof id, "event-%016lx", random);
  return id;
}

// Whether each source has the target of the same rank, and there are no others. Workers of a wire
// that cannot say how many ranks there are may have others: theirs is to know what moves where.
bool areAlike(const std::vector<const Worker*>& sources,
              const std::vector<const Worker*>& targets) {
  const auto before = [](const Worker* a, const Worker* b) {
    return a->record.worker < b->record.worker;
  };
  if (!std::includes(targets.begin(), targets.end(), sources.begin(), sources.end(), before)) {
    return false;
  }
  const auto cannotSay = [](const Worker* worker) {
    return worker->takesTokens && worker->record.worldSize == 0;
  };
  return sources.size() == targets.size() ||
         (std::all_of(sources.begin(), sources.end(), cannotSay) &&
          std::all_of(targets.begin(), targets.end(), cannotSay));
}

}  // namespace

Result<const Event*> Executor::start(OperationRequest request) {
  if (auto bad = invalidRequest(request)) return Error{ErrorCode::kInvalid, *bad};
  if (const Event* known = find(request.eventId); !request.eventId.empty() && known != nullptr) {
    if (known->record.arguments == digestOf(request)) return known;
    return Error{ErrorCode::kInvalid, "event id " + quotedForPeople(request.eventId) +
                                          " names another operation (" +
                                          std::string(operationName(known->record.kind)) + " of " +
                                          "instance " + quotedForPeople(known->record.instance) +
                                          "); choose another id, or none to have one drawn"};
  }
  if (const StoreHealth health = store_.health(); leavesEvent(request.kind) && !health.writable) {
    return Error{ErrorCode::kUnavailable, health.reason};
  }
  if (auto error = notReady(request)) return *error;
  if (log_.unfinished().size() >= kEventsRunningMax) {
    return Error{ErrorCode::kUnavailable, std::to_string(kEventsRunningMax) +
                                              " operations are under way, which is the limit; "
                                              "try again when some have ended"};
  }
  if (!takesTokens(request.instance)) request.tokens = nullptr;
  if (auto error = tooMuchWaits(request)) return *error;
  if (request.kind == OperationKind::kPin) {
    if (auto error = tooManyPins(request)) return *error;
  }
  Event& event = add(request);
  notices_.notice(notice::OperationBegun{event.record.id, event.record.kind, event.record.instance,
                                         event.record.ranks.size()});
  keysWaiting_ += request.chunks.size();
  if (request.tokens != nullptr) tokensWaiting_ += request.tokens->size();
  event.tokens = std::move(request.tokens);
  const bool pins = request.kind == OperationKind::kPin;
  (pins ? event.record.toPin : event.chunks) = std::move(request.chunks);
  if (leavesEvent(event.record.kind)) {
    write(event, true);
  } else {
    event.recorded = true;
    sending_.push_back({event.serial, 0});
    advance();
  }
  return &event;
}

bool Executor::takesTokens(std::string_view name) const {
  const Instance* instance = tree_.findInstance(name);
  if (instance == nullptr) return false;
  const auto& workers = instance->workers;
  return std::any_of(workers.begin(), workers.end(),
                     [](const auto& one) { return one.second->takesTokens; });
}

std::optional<Error> Executor::withoutTokens(const OperationRequest& request) const {
  if (request.allChunks || request.tokens != nullptr || !takesTokens(request.instance)) {
    return std::nullopt;
  }
  return Error{ErrorCode::kInvalid,
               "workers of " + describeInstance(request.instance) +
                   " are told tokens, not hashes: name the chunks by the tokens of the prompt"};
}

std::optional<Error> Executor::tooMuchWaits(const OperationRequest& request) const {
  const auto error = [](size_t waiting, const char* what, size_t max) {
    return Error{ErrorCode::kUnavailable, "operations on " + std::to_string(waiting) + " " + what +
                                              " are under way, at most " + std::to_string(max) +
                                              " may; try again soon"};
  };
  if (keysWaiting_ + request.chunks.size() > kOperationKeysWaitingMax) {
    return error(keysWaiting_, "chunks", kOperationKeysWaitingMax);
  }
  if (request.tokens != nullptr &&
      tokensWaiting_ + request.tokens->size() > kOperationTokensWaitingMax) {
    return error(tokensWaiting_, "tokens", kOperationTokensWaitingMax);
  }
  return std::nullopt;
}

Event& Executor::add(const OperationRequest& request) {
  EventRecord record;
  record.id = request.eventId;
  while (record.id.empty() || log_.byId(record.id) != nullptr) record.id = drawnId(random_());
  do {
    record.number = random_();
  } while (record.number == 0 || log_.unfinishedByNumber(record.number) != nullptr);
  record.kind = request.kind;
  record.instance = request.instance;
  record.location = request.location;
  record.toInstance = request.toInstance;
  record.toLocation = request.toLocation;
  record.method = request.method;
  record.copy = request.copy;
  record.ttlSeconds = request.ttlSeconds;
  record.chunks = request.allChunks ? 0 : static_cast<uint32_t>(request.chunks.size());
  record.arguments = digestOf(request);
  record.createdWallMs = clock_.wallMs();
  record.createdStoreMs = clock_.storeMs();
  const std::vector<const Worker*> ranks = ranksOf(*tree_.findInstance(request.instance));
  record.ranks.reserve(ranks.size());
  for (const Worker* worker : ranks) {
    RankRecord rank;
    rank.worker = worker->record.worker;
    rank.run = worker->record.run;
    record.ranks.push_back(std::move(rank));
  }
  Event& event = log_.add(std::move(record));
  event.modelSalt = modelOf(event.record);
  event.deadlineMs = deadlineOf(event.record);
  track(event);
  return event;
}

std::optional<Error> Executor::notReady(std::string_view name, std::string_view location) const {
  const Instance* instance = tree_.findInstance(name);
  const auto unavailable = [](std::string text) {
    return Error{ErrorCode::kUnavailable, std::move(text)};
  };
  if (instance == nullptr || instance->workers.empty()) {
    return Error{
        ErrorCode::kNotFound,
        "there is no " + describeInstance(name) +
            ": no worker of it is registered; holdfast-ctl instances shows those that there are"};
  }
  // What no waiting mends comes first.
  const std::vector<const Worker*> ranks = ranksOf(*instance);
  for (const Worker* worker : ranks) {
    if (worker->find(location) != nullptr) continue;
    return Error{ErrorCode::kNotFound, describe(*worker) + " has no location " +
                                           quotedForPeople(location) + "; it has " +
                                           namesOfLocations(*worker)};
  }
  if (ranksContradict(*instance)) {
    return unavailable(describeInstance(name) +
                       ": its ranks contradict each other: " + contradictionOf(*instance) +
                       "; the operation needs all ranks of one world size: try again when they "
                       "have registered alike");
  }
  for (const Worker* worker : ranks) {
    if (worker->session != kNoSession) continue;
    const bool lost = worker->record.state == WorkerState::kLost;
    return unavailable(describe(*worker) +
                       (lost ? " is LOST: the operation needs every rank; wait until it registers "
                               "again, or forget it (holdfast-ctl forget)"
                             : " has not registered again since the controller started; try again "
                               "soon"));
  }
  if (const std::string missing = missingRanks(*instance); !missing.empty()) {
    return unavailable(describeInstance(name) + " has " + std::to_string(ranks.size()) +
                       " of its " + std::to_string(statedWorldSize(*instance)) +
                       " ranks (missing: " + missing + "): the operation needs every one");
  }
  return std::nullopt;
}

std::optional<Error> Executor::notReady(const OperationRequest& request) const {
  const Instance* from = tree_.findInstance(request.instance);
  if (request.kind == OperationKind::kHealth) {
    if (from != nullptr) return std::nullopt;
    return Error{
        ErrorCode::kNotFound,
        "there is no " + describeInstance(request.instance) +
            ": no worker of it is registered; holdfast-ctl instances shows those that there are"};
  }
  if (auto error = notReady(request.instance, request.location)) return error;
  const std::vector<const Worker*> sources = ranksOf(*from);
  if (!request.allChunks || !request.model.empty() || request.kind == OperationKind::kMove) {
    if (auto error = otherModel(sources, request.model)) return error;
  }
  if (auto error = withoutTokens(request)) return error;
  if (request.kind != OperationKind::kMove) return std::nullopt;
  if (auto error = notReady(request.toInstance, request.toLocation)) return error;
  const Instance* to = tree_.findInstance(request.toInstance);
  const std::vector<const Worker*> targets = ranksOf(*to);
  if (!areAlike(sources, targets)) {
    return Error{ErrorCode::kInvalid, describeInstance(request.instance) + " has " +
                                          std::to_string(sources.size()) + " ranks and " +
                                          describeInstance(request.toInstance) + " has " +
                                          std::to_string(targets.size()) +
                                          ", or others: chunks move between equal ranks only"};
  }
  if (from == to) return std::nullopt;
  if (auto error = otherModel(targets, modelName(*sources.front()))) return error;
  for (const Worker* worker : targets) {
    if (worker->record.peerUrl.empty()) {
      return Error{ErrorCode::kInvalid,
                   describe(*worker) + " registered without a peer URL: it takes no transfers"};
    }
  }
  return std::nullopt;
}

std::string Executor::modelName(const Worker& worker) const {
  return worker.record.model.empty() ? tree_.defaultModel() : worker.record.model;
}

// A hash names another chunk in another model. An empty `model` is that of the first rank.
std::optional<Error> Executor::otherModel(const std::vector<const Worker*>& ranks,
                                          const std::string& model) const {
  const std::string wanted = model.empty() ? modelName(*ranks.front()) : model;
  for (const Worker* worker : ranks) {
    if (worker->modelSalt == tree_.salt(wanted)) continue;
    return Error{ErrorCode::kInvalid, describe(*worker) + " has model " +
                                          quotedForPeople(modelName(*worker)) +
                                          ", the chunks are of model " + quotedForPeople(wanted) +
                                          ": chunks never cross models"};
  }
  return std::nullopt;
}

uint64_t Executor::modelOf(const EventRecord& event) const {
  for (const RankRecord& rank : event.ranks) {
    const Worker* worker = tree_.findWorker(event.instance, rank.worker);
    if (worker != nullptr) return worker->modelSalt;
  }
  return 0;
}

// Much may have changed since the operation was asked for.
}  // namespace holdfast
