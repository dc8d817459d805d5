#include "bench/lookup_load.h"

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "bench/bench.h"
#include "schema/controller.capnp.h"

namespace holdfast::bench {
namespace {

constexpr uint32_t kHashes = 32;
constexpr uint32_t kInFlight = 256;
constexpr uint32_t kCallsInFlightMin = 4;
constexpr uint32_t kRounds = 10;

// As a program that uses Cap'n Proto's own server would answer.
class Echo final : public schema::Orchestrator::Server {
 public:
  explicit Echo(size_t answerBytes) : answer_(answerBytes, 'x') {}
  kj::Promise<void> lookup(LookupContext context) override {
    context.getResults(capnp::MessageSize{answer_.size() / 8 + 16, 0})
        .initAnswer()
        .setEventId(capnp::Text::Reader(answer_.data(), answer_.size()));
    return kj::READY_NOW;
  }
  kj::Promise<void> lookups(LookupsContext context) override {
    context.getResults(capnp::MessageSize{answer_.size() / 8 + 32, 0})
        .initAnswer()
        .initAnswers(1)[0]
        .setEventId(capnp::Text::Reader(answer_.data(), answer_.size()));
    return kj::READY_NOW;
  }

 private:
  std::string answer_;
};

class EchoBootstrap final : public schema::Bootstrap::Server {
 public:
  explicit EchoBootstrap(size_t answerBytes) : answerBytes_(answerBytes) {}
  kj::Promise<void> authenticate(AuthenticateContext context) override {
    context.getResults().setOrchestrator(kj::heap<Echo>(answerBytes_));
    return kj::READY_NOW;
  }

 private:
  size_t answerBytes_;
};

// A child process with the echo server on a port that it chooses. Made before this thread has an
// event loop, which a child cannot inherit.
class EchoProcess {
 public:
  EchoProcess() {
    int toChild[2];
    int fromChild[2];
    if (pipe(toChild) != 0 || pipe(fromChild) != 0) return;
    pid_ = fork();
    if (pid_ == 0) serve(toChild[0], fromChild[1]);
    close(toChild[0]);
    close(fromChild[1]);
    tell_ = toChild[1];
    hear_ = fromChild[0];
  }
  ~EchoProcess() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    close(tell_);
    close(hear_);
  }
  EchoProcess(const EchoProcess&) = delete;
  EchoProcess& operator=(const EchoProcess&) = delete;

  double processorSeconds() const { return processorSecondsOf(pid_); }
  // Begins to serve answers of this size. Its address; empty if it does not work.
  std::string listen(size_t answerBytes) {
    uint32_t port = 0;
    if (pid_ <= 0 || ::write(tell_, &answerBytes, sizeof(answerBytes)) != sizeof(answerBytes) ||
        ::read(hear_, &port, sizeof(port)) != sizeof(port)) {
      return {};
    }
    return "127.0.0.1:" + std::to_string(port);
  }

 private:
  [[noreturn]] static void serve(int hear, int tell) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    size_t answerBytes = 0;
    if (::read(hear, &answerBytes, sizeof(answerBytes)) != sizeof(answerBytes)) _exit(1);
    auto io = kj::setupAsyncIo();
    auto listener =
        io.provider->getNetwork().parseAddress("127.0.0.1:0").wait(io.waitScope)->listen();
    const uint32_t port = listener->getPort();
    if (::write(tell, &port, sizeof(port)) != sizeof(port)) _exit(1);
    capnp::TwoPartyServer server(kj::heap<EchoBootstrap>(answerBytes));
    server.listen(*listener).wait(io.waitScope);
    _exit(1);
  }

  pid_t pid_ = -1;
  int tell_ = -1;
  int hear_ = -1;
};

class Connection {
 public:
  Connection(kj::AsyncIoContext& io, const std::string& address, uint32_t prompts)
      : io_(io),
        stream_(io.provider->getNetwork()
                    .parseAddress(address.c_str())
                    .wait(io.waitScope)
                    ->connect()
                    .wait(io.waitScope)),
        client_(*stream_),
        orchestrator_(client_.bootstrap()
                          .castAs<schema::Bootstrap>()
                          .authenticateRequest()
                          .send()
                          .wait(io.waitScope)
                          .getOrchestrator()),
        prompts_(prompts) {}

  // Size in bytes of the answer to the first call, and whether it found anything.
  size_t answerBytes(std::span<const ChunkHash> keys, bool& found) {
    const auto sizeOf = [&](const auto& answer, const auto& first) {
      found = first.getLayoutInfo().size() != 0;
      return answer.totalSize().wordCount * sizeof(capnp::word);
    };
    if (prompts_ == 1) {
      const auto response = one(keys, 0).send().wait(io_.waitScope);
      return sizeOf(response.getAnswer(), response.getAnswer());
    }
    const auto response = many(keys, 0).send().wait(io_.waitScope);
    return sizeOf(response.getAnswer(), response.getAnswer().getAnswers()[0]);
  }
  double callsPerSecond(std::span<const ChunkHash> keys, uint64_t calls) {
    const Stopwatch watch;
    uint64_t left = calls;
    kj::Vector<kj::Promise<void>> lanes;
    const uint32_t inFlight = std::max(kInFlight / prompts_, kCallsInFlightMin);
    for (uint32_t i = 0; i < inFlight; ++i) lanes.add(lane(keys, left));
    kj::joinPromises(lanes.releaseAsArray()).wait(io_.waitScope);
    return static_cast<double>(calls) / watch.seconds();
  }

 private:
  using One =
      capnp::Request<schema::Orchestrator::LookupParams, schema::Orchestrator::LookupResults>;
  using Many =
      capnp::Request<schema::Orchestrator::LookupsParams, schema::Orchestrator::LookupsResults>;

  static kj::ArrayPtr<const ChunkHash> prompt(std::span<const ChunkHash> keys, uint64_t number) {
    return {keys.data() + splitmix64Finalise(number) % (keys.size() - kHashes), kHashes};
  }
  One one(std::span<const ChunkHash> keys, uint64_t call) {
    auto request = orchestrator_.lookupRequest(capnp::MessageSize{kHashes + 16, 0});
    request.initMessage().setHashes(prompt(keys, call));
    return request;
  }
  Many many(std::span<const ChunkHash> keys, uint64_t call) {
    auto request =
        orchestrator_.lookupsRequest(capnp::MessageSize{(kHashes + 16) * prompts_ + 16, 0});
    auto lookups = request.initMessage().initLookups(prompts_);
    for (uint32_t i = 0; i < prompts_; ++i) {
      lookups[i].setHashes(prompt(keys, call * prompts_ + i));
    }
    return request;
  }
  kj::Promise<void> lane(std::span<const ChunkHash> keys, uint64_t& left) {
    if (left == 0) return kj::READY_NOW;
    --left;
    if (prompts_ == 1) {
      return one(keys, left).send().then([this, keys, &left](auto&&) { return lane(keys, left); });
    }
    return many(keys, left).send().then([this, keys, &left](auto&&) { return lane(keys, left); });
  }

  kj::AsyncIoContext& io_;
  kj::Own<kj::AsyncIoStream> stream_;
  capnp::TwoPartyClient client_;
  schema::Orchestrator::Client orchestrator_;
  const uint32_t prompts_;
};

}  // namespace

LookupRatio compareWithEcho(const DaemonProcess& controller, std::span<const ChunkHash> keys,
                            uint64_t calls, uint32_t prompts) {
  EchoProcess process;
  auto io = kj::setupAsyncIo();
  Connection lookups(io, controller.tcpAddress(), prompts);
  bool found = false;
  const size_t answerBytes = lookups.answerBytes(keys, found);
  if (!found) return {.error = "look-ups find nothing"};
  const std::string echo = process.listen(answerBytes);
  if (echo.empty()) return {.error = "the echo server does not start"};
  Connection echoes(io, echo, prompts);
  const uint64_t callsOfRound = std::max<uint64_t>(calls / kRounds, 1);
  std::vector<double> lookupRates;
  std::vector<double> echoRates;
  const double lookupBefore = controller.processorSeconds();
  const double echoBefore = process.processorSeconds();
  for (uint32_t round = 0; round < kRounds; ++round) {
    lookupRates.push_back(lookups.callsPerSecond(keys, callsOfRound));
    echoRates.push_back(echoes.callsPerSecond(keys, callsOfRound));
  }
  const auto usOf = [&](double seconds) {
    return seconds * 1e6 / static_cast<double>(kRounds * callsOfRound);
  };
  return {.lookupsPerSecond = median(lookupRates),
          .echoesPerSecond = median(echoRates),
          .lookupProcessorUs = usOf(controller.processorSeconds() - lookupBefore),
          .echoProcessorUs = usOf(process.processorSeconds() - echoBefore),
          .error = {}};
}

}  // namespace holdfast::bench
