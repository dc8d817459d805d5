// holdfastd: builds the parts and hands each its dependencies.

#include <kj/async-io.h>
#include <kj/async-unix.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "access/access_control.h"
#include "capture/recorder.h"
#include "command_line/output_end.h"
#include "core/controller.h"
#include "daemon/capture_switch.h"
#include "daemon/configuration.h"
#include "daemon/daemon.h"
#include "daemon/group.h"
#include "daemon/http_door.h"
#include "daemon/joining.h"
#include "daemon/lmcache_door.h"
#include "daemon/logging.h"
#include "daemon/loop_clock.h"
#include "daemon/part_options.h"
#include "daemon/reload.h"
#include "daemon/start_checks.h"
#include "daemon/start_reports.h"
#include "daemon/wakeup.h"
#include "gateways/engine_events/cache_resets.h"
#include "gateways/engine_events/intake.h"
#include "gateways/zmq/socket_thread.h"
#include "hashing/hash_doctor.h"
#include "migrations/migrations.h"
#include "net/tls.h"
#include "notices/sentences.h"
#include "os/fault_ahead.h"
#include "os/file_limit.h"
#include "os/processors.h"
#include "os/service_manager.h"
#include "peering/store_copies.h"
#include "rpc/server.h"
#include "store/rocks_store.h"
#include "wire/errors.h"

namespace holdfast {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr const char* kNoCaptureInGroup =
    "a controller of a group has no capture log: what a follower has comes of no input";

uint64_t millisecondsSince(SteadyClock::time_point start) {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(SteadyClock::now() - start).count());
}

uint64_t residentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total = 0;
  uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

// Ids must not repeat after a restart, so each comes from the system. On the loop's thread.
uint64_t drawRandom() {
  static std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

// Copies the store to `path` as it is when all that was written until now is committed; what is
// queued behind is not in it. Of a group: what is written and not in its log yet is not in the
// store's queue either.
std::optional<Error> copyStore(Group* group, RocksStore& store, const Registry& registry,
                               const std::string& path,
                               std::function<void(const CheckpointResult&)> done) {
  const auto ask = [&store, &registry, path, done]() {
    // The registry is now what the copy will hold.
    return store.checkpoint({path, registry.registryDigest().hex()}, done);
  };
  if (group == nullptr) return ask();
  group->whenHandedOn([ask, done = std::move(done)]() {
    if (auto wrong = ask()) done({std::move(wrong), {}, 0, 0});
  });
  return std::nullopt;
}

std::optional<Error> backUp(Group* group, RocksStore& store, const Registry& registry,
                            NoticeSink& notices, const std::string& path,
                            std::function<void(const BackupOutcome&)> done) {
  return copyStore(group, store, registry, path,
                   [&notices, path, done = std::move(done)](const CheckpointResult& result) {
                     if (result.error) {
                       notices.notice(notice::BackupFailed{result.error->message});
                     } else {
                       notices.notice(notice::BackupMade{path, result.bytes, result.sequence});
                     }
                     done({result.error, path, result.bytes, result.sequence});
                   });
}

void warnOf(const AccessControl& access) {
  if (access.off()) {
    spdlog::warn(
        "authentication is off (--auth off): whoever reaches this controller over the network has "
        "every right; let in whom you know with --tokens");
  }
  for (const std::string& warning : access.warnings()) spdlog::warn("{}", warning);
}

std::string listOf(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

std::string authOf(const Configuration& configuration) {
  if (configuration.authOff) return "off";
  return configuration.tokenFile.empty() ? "local" : "tokens";
}

void noticeStart(const Configuration& configuration, NoticeSink& notices) {
  notices.notice(notice::Starting{
      HOLDFAST_VERSION, static_cast<uint64_t>(getpid()), configuration.dataDir, newestFormat(),
      listOf(configuration.listen), authOf(configuration), changedOptions(configuration)});
}

// For operators: an empty level asks for the one in force.
Result<std::string> logLevelFor(std::string_view level, NoticeSink& notices) {
  if (!level.empty()) {
    if (auto error = setLogLevel(level, notices)) return *error;
  }
  return logLevel();
}

// Null where TLS is not asked for.
Result<std::unique_ptr<ServerTls>> openTls(const Configuration& configuration) {
  if (configuration.tls.certificate.empty()) return std::unique_ptr<ServerTls>();
  auto tls = ServerTls::open(configuration.tls);
  if (tls.ok()) {
    for (const std::string& warning : tls.value()->warnings()) spdlog::warn("{}", warning);
  }
  return tls;
}

// What SIGHUP reads anew of who may come in. The server says itself what came of the tokens.
void addDoors(Reload& reload, const Configuration& configuration, Server& server, ServerTls* tls) {
  if (!configuration.tokenFile.empty()) {
    reload.add("tokens", [&server]() { return server.reloadTokens(); });
  }
  if (tls == nullptr) return;
  reload.add("TLS certificates", [tls]() -> std::optional<Error> {
    auto wrong = tls->reload();
    if (!wrong) {
      for (const std::string& warning : tls->warnings()) spdlog::warn("{}", warning);
    }
    return wrong;
  });
}

ExitCode run(const Configuration& configuration, const ParseAgain& parse) {
  const SteadyClock::time_point start = SteadyClock::now();
  LoggedNotices notices;
  noticeStart(configuration, notices);
  for (const std::string& warning : configuration.warnings) spdlog::warn("{}", warning);
  if (configuration.loopCpu) {
    if (const auto wrong = reserveForLoop(*configuration.loopCpu)) {
      spdlog::error("{}", *wrong);
      return ExitCode::kUsage;
    }
  }
  ServiceManager manager;
  const StartReports reports(notices, manager);
  raiseFileLimit();
  reserveFiles(2 * uint64_t{configuration.connectionsMax});
  // Before any thread begins: they inherit the mask.
  kj::UnixEventPort::captureSignal(SIGTERM);
  kj::UnixEventPort::captureSignal(SIGINT);
  kj::AsyncIoContext io = kj::setupAsyncIo();
  kj::Timer& timer = io.lowLevelProvider->getTimer();
  Wakeup storeWakeup(io.unixEventPort);

  auto access = AccessControl::open({configuration.tokenFile, configuration.authOff});
  if (!access.ok()) {
    spdlog::error("{}", access.error().message);
    return ExitCode::kUsage;
  }
  warnOf(access.value());
  if (const auto no = cannotServe(configuration)) {
    spdlog::error("{}", no->why);
    return no->code;
  }
  const auto tls = openTls(configuration);
  if (!tls.ok()) {
    spdlog::error("{}", tls.error().message);
    return ExitCode::kListen;
  }
  auto http = HttpDoor::open(configuration, tls.value().get(), access.value());
  if (!http.ok()) {
    spdlog::error("{}", http.error().message);
    return ExitCode::kListen;
  }
  gateways::SocketThread sockets;
  std::unique_ptr<LmcacheDoor> lmcache;
  if (configuration.lmcache.on()) {
    auto door = LmcacheDoor::open(configuration, sockets);
    if (!door.ok()) {
      spdlog::error("{}", door.error().message);
      return ExitCode::kListen;
    }
    lmcache = std::move(door.value());
  }
  const JoinContext joining{configuration, io, reports, notices, *http.value()};
  if (const auto end = joinStore(joining)) return *end;
  auto opened = RocksStore::open(storeOptions(configuration, storeWakeup, reports, *http.value()));
  if (!opened.ok()) {
    spdlog::error("{}", opened.error().message);
    return ExitCode::kStore;
  }
  const std::unique_ptr<RocksStore> store = std::move(opened.value());
  if (store->created()) spdlog::info("created a new store in {}", configuration.dataDir);

  std::unique_ptr<Group> group;
  if (configuration.replication.on()) {
    auto joined = joinGroup(joining, *store, storeWakeup);
    if (!joined.ok()) {
      spdlog::error("{}", joined.error().message);
      return ExitCode::kGroup;
    }
    group = std::move(joined.value());
    if (group == nullptr) return ExitCode::kClean;
  }
  RegistryStore& written = group != nullptr ? group->store() : *store;

  const LogOptions captureOptions = logOptions(configuration);
  std::unique_ptr<LogWriter> log;
  if (!captureOptions.directory.empty()) {
    auto begun = CaptureSwitch::begin(captureOptions, *store);
    if (!begun.ok()) {
      spdlog::error("{}", begun.error().message);
      return ExitCode::kCapture;
    }
    log = std::move(begun.value());
  }

  FaultAhead faultAhead;
  LoopClock clock([&store]() { return store->timeMs(); });
  WatchLog watch(notices, clock, drawRandom());
  Controller controller(
      {registryOptions(configuration, faultAhead), configuration.executor, group != nullptr}, clock,
      written, drawRandom, watch);
  watch.begin(controller.registry().tree());
  const RecoveryReport& recovered = controller.recovered();
  Recorder recorder(controller, notices);
  CaptureSwitch capture(captureOptions, controller, recorder, *store, timer);
  if (log != nullptr) capture.use(std::move(log), configuration.captureRedact);
  const uint64_t recoveryMs = millisecondsSince(start);

  HashDoctor doctor(watch);
  engines::CacheResets resets(io.provider->getNetwork(), timer, watch);
  engines::Intake intake(controller, sockets, timer, watch, doctor, drawRandom,
                         intakeOptions(configuration, resets));
  LoopTurns turns(timer);
  peering::StoreCopies copies(
      {.dataDir = configuration.dataDir},
      [&](const std::string& path, std::function<void(const std::optional<Error>&)> done) {
        return copyStore(
            group.get(), *store, controller.registry(), path,
            [done = std::move(done)](const CheckpointResult& result) { done(result.error); });
      },
      clock, notices);
  ProcessFacts facts{
      .version = HOLDFAST_VERSION,
      .clusterId = store->clusterId(),
      .recoveryMs = recoveryMs,
      .recovery = recovered,
      .uptimeMs = [start]() { return millisecondsSince(start); },
      .residentBytes = residentBytes,
      .diskBytes = [&store]() { return store->statistics().bytesOnDisk; },
      .storeQueueBytes = [&store]() { return store->statistics().queueBytes; },
      .store = [&store]() { return store->statistics(); },
      .httpConnections = [&http]() { return http.value()->connections(); },
      .captureBytes = [&recorder]() { return recorder.bytes(); },
      .captureOn = [&capture, inGroup = group != nullptr](const std::string& directory,
                                                          bool redact) -> kj::Promise<std::string> {
        if (inGroup) return wireError({ErrorCode::kRefused, kNoCaptureInGroup});
        return capture.on(directory, redact);
      },
      .captureOff = [&capture]() { return capture.off(); },
      .backup =
          [&](const std::string& path, std::function<void(const BackupOutcome&)> done) {
            return backUp(group.get(), *store, controller.registry(), notices, path,
                          std::move(done));
          },
      .copy = [&copies](const std::string& caller) { return copies.give(caller); },
      .logLevel = [&notices](std::string_view level) { return logLevelFor(level, notices); },
      .hashing = &doctor,
      .engines = &intake,
      .group = group.get(),
  };
  Server server(serverOptions(configuration, tls.value().get()), std::move(facts), controller,
                written, notices, access.value(), turns, io.unixEventPort);
  std::vector<std::string> addresses;
  for (const std::string& address : configuration.listen) {
    auto names = server.listen(address, configuration.unixSockets);
    if (!names.ok()) {
      spdlog::error("{}", names.error().message);
      return ExitCode::kListen;
    }
    addresses.insert(addresses.end(), names.value().begin(), names.value().end());
  }

  Reload reload(notices);
  reload.add("configuration", [&]() { return reloadConfiguration(configuration, parse, notices); });
  addDoors(reload, configuration, server, tls.value().get());
  auto signal = io.unixEventPort.onSignal(SIGTERM).exclusiveJoin(io.unixEventPort.onSignal(SIGINT));
  int signalNumber = 0;
  auto ended = kj::newPromiseAndFulfiller<void>();  // of the group
  std::optional<ExitCode> groupEnd;
  {
    Daemon daemon(controller, written, server, clock, turns, storeWakeup, timer, [&]() {
      notices.tick();
      intake.tick();
      copies.tick();
      manager.alive();
      if (lmcache != nullptr) lmcache->tick();
    });
    if (recovered.behind != 0) notices.notice(notice::WorkersBehind{recovered.behind});
    if (recovered.quarantined != 0) {
      notices.notice(notice::WorkersQuarantined{recovered.quarantined});
    }
    // What other systems' wires bring: a leader's alone.
    const auto openGateways = [&]() {
      if (group != nullptr) intake.begin();
      intake.configure(configuration.engines);
      if (lmcache != nullptr) lmcache->serve(server.services(), drawRandom);
    };
    if (group == nullptr) openGateways();
    if (group != nullptr) {
      const auto onEnd = [&](const Error& why, bool deposed) {
        spdlog::error("{}", why.message);
        groupEnd = deposed ? ExitCode::kDeposed : ExitCode::kGroup;
        ended.fulfiller->fulfill();
      };
      if (const auto wrong =
              group->start(controller, drawRandom, addresses.front(), io.provider->getNetwork(),
                           timer, {openGateways, [&]() { server.sendWorkersOn(); }, onEnd})) {
        spdlog::error("{}", wrong->message);
        return ExitCode::kGroup;
      }
    }
    if (const auto wrong =
            http.value()->serve(configuration, server.services(), watch, io.unixEventPort)) {
      spdlog::error("{}", wrong->message);
      return ExitCode::kListen;
    }
    const notice::Ready ready{listOf(addresses), recovered.instances, recovered.workers,
                              recovered.chunks, recoveryMs};
    const std::string status = sentenceOf(ready);
    notices.notice(ready);
    manager.ready(status);
    runAsLoop();
    const auto hangUps = reload.onHangUps(io.unixEventPort, manager, status);
    signal.then([&](siginfo_t caught) { signalNumber = caught.si_signo; })
        .exclusiveJoin(kj::mv(ended.promise))
        .wait(io.waitScope);
  }

  if (group != nullptr) group->stop();
  if (groupEnd) {
    spdlog::info(groupEnd == ExitCode::kDeposed ? "ending, to be started again" : "ending");
  } else {
    spdlog::info("{}: writing what is queued", strsignal(signalNumber));
  }
  manager.stopping("writing what is queued");
  http.value()->stop();
  if (lmcache != nullptr) lmcache->stop().wait(io.waitScope);
  server.stop();
  intake.stop().wait(io.waitScope);
  if (group != nullptr) group->handOver().wait(io.waitScope);
  const auto unconfirmed = group != nullptr ? group->unconfirmed() : std::nullopt;
  recorder.end(Recorder::End::kProcessEnded);
  if (const auto lost = store->close()) {
    spdlog::error("{}", lost->message);
    return ExitCode::kFatal;
  }
  if (unconfirmed) {
    spdlog::error("{}", unconfirmed->message);
    return ExitCode::kFatal;
  }
  notices.finish();
  spdlog::info("ended");
  return groupEnd.value_or(ExitCode::kClean);
}

// Of a process that is not to run.
ExitCode sayAndEnd(const ParsedConfiguration& parsed) {
  std::cout << parsed.output;
  std::cerr << parsed.error;
  if (!parsed.error.empty()) return ExitCode::kUsage;
  return outputWritten("holdfastd") ? ExitCode::kClean : ExitCode::kOutput;
}

ExitCode run(int argc, char** argv) {
  // It ends no process, whenever it comes.
  kj::UnixEventPort::captureSignal(SIGHUP);
  const ParseAgain parse = [=]() { return parseConfiguration(argc, argv); };
  const ParsedConfiguration parsed = parse();
  if (!parsed.configuration) return sayAndEnd(parsed);
  setUpLogging(parsed.configuration->logFormat, parsed.configuration->logLevel);
  return run(*parsed.configuration, parse);
}

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  return static_cast<int>(holdfast::run(argc, argv));
}
