#include "bench/confirmations.h"

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include <cstdint>

#include "bench/bench.h"
#include "client/stream_calls.h"
#include "core/messages.h"
#include "schema/controller.capnp.h"
#include "wire/lists.h"
#include "wire/registration.h"

namespace holdfast::bench {
namespace {

constexpr const char* kProbed = "gpu";
constexpr uint64_t kIncarnation = 7;
// A controller that confirms nothing any more.
constexpr double kSecondsMax = 60;

// Does nothing that the controller wants of it.
class DeafWorker final : public schema::Worker::Server {
 public:
  kj::Promise<void> pause(PauseContext) override { return kj::READY_NOW; }
  kj::Promise<void> resume(ResumeContext) override { return kj::READY_NOW; }
};

// A worker that has reported the chunks 1 to seq_, on its own connection.
class Probe {
 public:
  Probe(kj::AsyncIoContext& io, const std::string& controller)
      : io_(io),
        stream_(io.provider->getNetwork()
                    .parseAddress(controller.c_str())
                    .wait(io.waitScope)
                    ->connect()
                    .wait(io.waitScope)),
        client_(*stream_),
        session_(enter()) {}

  // ms; nothing: it is not confirmed in a long time.
  std::optional<double> time() {
    const ChunkHash key = splitmix64Finalise(++seq_);
    digest_.add(key);
    const Stopwatch watch;
    makeReport(session_, {.location = kProbed,
                          .incarnation = kIncarnation,
                          .firstSeq = seq_,
                          .operations = {{&key, 1}, {}}})
        .send()
        .wait(io_.waitScope);
    while (!confirmed()) {
      if (watch.seconds() > kSecondsMax) return std::nullopt;
    }
    return watch.milliseconds();
  }

 private:
  LocationStatement statement() const {
    return {.location = kProbed,
            .incarnation = kIncarnation,
            .beganEmpty = true,
            .lastSeq = seq_,
            .count = seq_,
            .digest = digest_};
  }
  schema::WorkerSession::Client enter() {
    auto gateway = client_.bootstrap()
                       .castAs<schema::Bootstrap>()
                       .authenticateRequest()
                       .send()
                       .wait(io_.waitScope)
                       .getWorker();
    auto request = gateway.registerRequest();
    Registration of;
    of.instance = "probe";
    of.worldSize = 1;
    of.run = 1;
    of.attempt = 1;
    of.locations = {statement()};
    write(of, request.initInfo());
    request.setWorker(kj::heap<DeafWorker>());
    return request.send().wait(io_.waitScope).getSession();
  }
  bool confirmed() {
    auto request = session_.heartbeatRequest();
    const std::vector<LocationStatement> statements = {statement()};
    write(statements, request.initMessage().initLocations(listSize(statements.size())));
    const auto answer = request.send().wait(io_.waitScope);
    const HeartbeatOutcome outcome = read(answer.getAnswer());
    return !outcome.committed.empty() && outcome.committed.front().seq >= seq_;
  }

  kj::AsyncIoContext& io_;
  kj::Own<kj::AsyncIoStream> stream_;
  capnp::TwoPartyClient client_;
  uint64_t seq_ = 0;
  KeyDigest digest_;
  schema::WorkerSession::Client session_;
};

}  // namespace

Result<std::vector<double>> confirmationTimes(const std::string& controller, double seconds) {
  auto io = kj::setupAsyncIo();
  std::vector<double> times;
  try {
    Probe probe(io, controller);
    const Stopwatch watch;
    while (times.empty() || watch.seconds() < seconds) {
      const auto ms = probe.time();
      if (!ms) return Error{ErrorCode::kUnavailable, "a report was not confirmed"};
      times.push_back(*ms);
    }
  } catch (const kj::Exception& e) {
    return Error{ErrorCode::kUnavailable, e.getDescription().cStr()};
  }
  return times;
}

}  // namespace holdfast::bench
