#include "fake_controller.h"

#include <unistd.h>

#include <utility>

#include "client/connection_error.h"
#include "client/one_answer.h"
#include "fake_loop.h"
#include "wire/text.h"

namespace holdfast {

bool eventually(const std::function<bool()>& condition) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    never.wait_for(lock, std::chrono::milliseconds(1));
  }
  return true;
}

uint64_t FakeController::State::retransmitted() const {
  uint64_t sum = 0;
  for (const auto& [name, location] : model.locations) sum += location.retransmitted;
  return sum;
}

std::set<ChunkHash> FakeController::State::keys(const std::string& location) const {
  const auto found = model.locations.find(location);
  return found == model.locations.end() ? std::set<ChunkHash>{} : found->second.keys;
}

FakeController::FakeController(const std::string& address) : address_(address) {
  thread_.loop().run([this] { onLoop_ = std::make_unique<OnLoop>(); });
  start();
}

FakeController::~FakeController() {
  stop();
  thread_.loop().run([this] { onLoop_ = nullptr; });
}

void FakeController::start() {
  AwaitedAnswer<bool> listening;
  thread_.loop().run([&, done = listening.callback()] {
    if (address_.starts_with("unix:")) unlink(address_.c_str() + 5);
    onLoop_->tasks.add(thread_.loop().network().parseAddress(address_).then(
        [this, done](kj::Own<kj::NetworkAddress> parsed) {
          onLoop_->receiver = parsed->listen();
          if (const unsigned port = onLoop_->receiver->getPort(); port != 0) {
            address_ = "127.0.0.1:" + std::to_string(port);
          }
          onLoop_->accepting = acceptLoop().eagerlyEvaluate(nullptr);
          done(true);
        }));
  });
  (void)listening.wait();
}

kj::Promise<void> FakeController::acceptLoop() {
  return onLoop_->receiver->accept().then([this](kj::Own<kj::AsyncIoStream> stream) {
    with([](State& state) {
      ++state.connections;
      ++state.openConnections;
    });
    if (!onLoop_->garbage.empty()) {
      const std::string& garbage = onLoop_->garbage;
      onLoop_->dumb.push_back(kj::mv(stream));
      onLoop_->tasks.add(onLoop_->dumb.back()->write(garbage.data(), garbage.size()));
      return acceptLoop();
    }
    auto& connections = onLoop_->connections;
    const auto at = connections.insert(connections.end(),
                                       std::make_unique<Connection>(kj::mv(stream), bootstrap()));
    const Connection* connection = at->get();
    onLoop_->tasks.add((*at)->network.onDisconnect().then([this, connection] {
      const size_t closed = std::erase_if(
          onLoop_->connections, [&](const auto& open) { return open.get() == connection; });
      with([&](State& state) { state.openConnections -= closed; });
    }));
    return acceptLoop();
  });
}

void FakeController::cutConnections() {
  thread_.loop().run([this] {
    const size_t closed = onLoop_->connections.size() + onLoop_->dumb.size();
    onLoop_->worker.reset();
    onLoop_->connections.clear();
    onLoop_->dumb.clear();
    with([&](State& state) { state.openConnections -= closed; });
  });
}

void FakeController::stop() {
  thread_.loop().run([this] {
    onLoop_->accepting = nullptr;
    onLoop_->receiver = nullptr;
  });
  cutConnections();
}

void FakeController::speakGarbage(const std::string& garbage) {
  thread_.loop().run([&] { onLoop_->garbage = garbage; });
}

void FakeController::pause(const std::string& location) {
  with([&](State& state) {
    for (auto& [name, of] : state.model.locations) {
      if (location.empty() || name == location) of.paused = true;
    }
  });
  thread_.loop().run([&] {
    auto request = onLoop_->worker->pauseRequest();
    request.setLocation(textOf(location));
    request.setReason("the disk is full");
    onLoop_->tasks.add(request.send().ignoreResult());
  });
}

void FakeController::resume() {
  thread_.loop().run(
      [&] { onLoop_->tasks.add(onLoop_->worker->resumeRequest().send().ignoreResult()); });
}

void FakeController::supersede(const std::string& reason) {
  thread_.loop().run([&] {
    auto request = onLoop_->worker->supersededRequest();
    request.setReason(textOf(reason));
    onLoop_->tasks.add(request.send().ignoreResult());
  });
}

void FakeController::askFullSync(const std::string& location, uint64_t continueSyncId) {
  thread_.loop().run([&] { onLoop_->askFullSync(location, continueSyncId); });
}

std::optional<std::pair<bool, uint64_t>> FakeController::askReplay(const std::string& location,
                                                                   uint64_t incarnation,
                                                                   uint64_t from, uint64_t to) {
  AwaitedAnswer<std::pair<bool, uint64_t>> answer;
  thread_.loop().run([&, done = answer.callback()] {
    auto request = onLoop_->worker->replayRequest();
    request.setLocation(textOf(location));
    request.setIncarnation(incarnation);
    request.setFromSeq(from);
    request.setToSeq(to);
    onLoop_->tasks.add(request.send().then(
        [done](auto&& results) {
          done(std::pair(results.getAccepted(), results.getReplayableFrom()));
        },
        [done](kj::Exception&& exception) { done(toError(exception, "the fake")); }));
  });
  const auto result = answer.wait();
  if (!result.ok()) return std::nullopt;
  return result.value();
}

}  // namespace holdfast
