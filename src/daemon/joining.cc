#include "daemon/joining.h"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

#include "daemon/logging.h"
#include "daemon/part_options.h"
#include "daemon/start_wait.h"
#include "migrations/migrations.h"
#include "peering/store_join.h"
#include "store/incoming_copy.h"

namespace holdfast {
namespace {

using peering::JoinOutcome;
using peering::JoinProgress;

// Tries it until it is not kUnavailable. Nothing: the process was asked to end before.
template <typename T, typename Try>
std::optional<Result<T>> whenAvailable(StartWait& wait, Try attempt) {
  while (!wait.ended()) {
    Result<T> tried = attempt();
    if (tried.ok() || tried.error().code != ErrorCode::kUnavailable) return tried;
    wait.pause(tried.error().message);
  }
  return std::nullopt;
}

ExitCode sayAndEnd(ExitCode code, const std::string& why) {
  spdlog::error("{}", why);
  return code;
}

void tell(const JoinContext& context, const JoinProgress& progress) {
  context.reports.joining(progress);
  context.http.report(StartProgress{.phase = "copying the store of another controller",
                                    .unit = "bytes",
                                    .done = progress.bytesDone,
                                    .total = progress.bytesTotal,
                                    .seconds = progress.seconds,
                                    .perSecond = progress.bytesPerSecond,
                                    .secondsRemaining = progress.secondsRemaining});
}

std::optional<ExitCode> copyStore(const JoinContext& context, IncomingCopy& into) {
  const Configuration::Replication& options = context.configuration.replication;
  StartWait wait(context.io, context.reports, "a copy of the store");
  peering::StoreJoin join(
      context.io.provider->getNetwork(), context.io.lowLevelProvider->getTimer(), into,
      {.controllers = options.join,
       .security = replicaSecurity(context.configuration),
       .formatMax = newestFormat()},
      context.notices, [&](const JoinProgress& progress) { tell(context, progress); });
  while (!wait.ended()) {
    const auto outcome = wait.until(join.attempt());
    if (!outcome) break;
    switch (outcome->kind) {
      case JoinOutcome::Kind::kJoined:
        return std::nullopt;
      case JoinOutcome::Kind::kRefused:
        return sayAndEnd(ExitCode::kGroup,
                         "no controller of --join gives a copy of its store: " + outcome->why +
                             "; a token of the role replica, or operator, is "
                             "named by --replica-token-file");
      case JoinOutcome::Kind::kDisk:
        return sayAndEnd(ExitCode::kStore, "the copy of the store cannot be kept: " + outcome->why);
      case JoinOutcome::Kind::kLater:
        wait.pause("no controller of --join gives a copy of its store now: " + outcome->why);
    }
  }
  return ExitCode::kClean;
}

}  // namespace

std::optional<ExitCode> joinStore(const JoinContext& context) {
  const Configuration& configuration = context.configuration;
  if (configuration.replication.join.empty()) return std::nullopt;
  StoreOptions directory;
  directory.dataDir = configuration.dataDir;
  directory.create = configuration.create;
  directory.log = logFromStore;
  const auto into = IncomingCopy::into(directory);
  if (!into.ok()) return sayAndEnd(ExitCode::kStore, into.error().message);
  if (into.value() == nullptr) {
    spdlog::info("{} has a store: nobody is asked for a copy (--join)", configuration.dataDir);
    return std::nullopt;
  }
  StartWait wait(context.io, context.reports, "the log of the group");
  const auto empty = whenAvailable<bool>(wait, [&]() { return Group::logIsEmpty(configuration); });
  if (!empty) return ExitCode::kClean;
  if (!empty->ok()) return sayAndEnd(ExitCode::kGroup, empty->error().message);
  if (empty->value()) {
    spdlog::info("the log of the group is empty: it begins with an empty store");
    return std::nullopt;
  }
  return copyStore(context, *into.value());
}

Result<std::unique_ptr<Group>> joinGroup(const JoinContext& context, RocksStore& store,
                                         Wakeup& storeWakeup) {
  StartWait wait(context.io, context.reports, "the log of the group");
  auto joined = whenAvailable<std::unique_ptr<Group>>(wait, [&]() {
    return Group::open(context.configuration, store, storeWakeup, context.io.unixEventPort);
  });
  if (!joined) return std::unique_ptr<Group>();
  return std::move(*joined);
}

}  // namespace holdfast
