// A real server on the in-memory store, and clients that speak raw Cap'n Proto to it over a Unix
// socket; all on one event loop, so that nothing happens between two steps of a test.
#pragma once

#include <capnp/rpc-twoparty.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <kj/async-io.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "access/access_control.h"
#include "core/controller.h"
#include "hashing/hash_doctor.h"
#include "rpc/server.h"
#include "schema/controller.capnp.h"
#include "tests/support/fake_group.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_store.h"
#include "tests/support/recorded_notices.h"
#include "wire/errors.h"
#include "wire/lists.h"
#include "wire/registration.h"
#include "wire/text.h"

namespace holdfast::test {

// A worker that remembers what the controller asked of it.
class RecordingWorker final : public schema::Worker::Server {
 public:
  explicit RecordingWorker(std::vector<std::string>& calls) : calls_(calls) {}
  kj::Promise<void> pause(PauseContext context) override;
  kj::Promise<void> resume(ResumeContext context) override;
  kj::Promise<void> superseded(SupersededContext context) override;

 private:
  std::vector<std::string>& calls_;
};

// One connection of a client.
class Peer {
 public:
  Peer(kj::AsyncIoContext& io, const std::string& address);

  // Throws what it is answered with. What the capabilities below are of; without it, no token.
  void authenticate(const std::string& token);

  schema::WorkerGateway::Client gateway();
  schema::Orchestrator::Client orchestrator();
  schema::Operator::Client op();
  // The bare socket, for what no client would send.
  kj::AsyncIoStream& stream() { return *stream_; }
  schema::Bootstrap::Client bootstrap();

 private:
  using Grants = capnp::Response<schema::Bootstrap::AuthenticateResults>;
  Grants& granted();

  kj::AsyncIoContext& io_;
  kj::Own<kj::AsyncIoStream> stream_;
  std::unique_ptr<capnp::TwoPartyVatNetwork> network_;
  std::unique_ptr<capnp::RpcSystem<capnp::rpc::twoparty::VatId>> rpc_;
  std::unique_ptr<Grants> granted_;
};

// --- Messages by hand ---

using Bytes = std::vector<uint8_t>;
void append(Bytes& to, capnp::MallocMessageBuilder& message);
// Questions 0 and 1 of a connection: bootstrap and authenticate.
Bytes greeting();

class ServerTest : public testing::Test {
 protected:
  explicit ServerTest(const ServerOptions& options = {}, const ControllerOptions& core = {},
                      const AccessControl::Options& tokens = {});
  ~ServerTest() noexcept override;

  std::unique_ptr<Peer> connect() { return std::make_unique<Peer>(io, address); }
  // One of another machine, as the server sees it: it listens on one more address, for all.
  std::unique_ptr<Peer> connectFromNetwork();
  kj::Own<kj::AsyncIoStream> connectRaw();

  // Runs the loop until the promise is there, committing what is written meanwhile. Throws what
  // the promise throws; fails the test if nothing moves any more.
  template <typename T>
  T await(kj::Promise<T> promise) {
    drive(promise);
    return promise.wait(io.waitScope);
  }
  template <typename T>
  capnp::Response<T> await(capnp::RemotePromise<T> promise) {
    return await(kj::Promise<capnp::Response<T>>(kj::mv(promise)));
  }
  // The same for a call that must fail: the description of its error.
  template <typename T>
  std::string errorOf(kj::Promise<T> promise) {
    drive(promise);
    try {
      promise.wait(io.waitScope);
    } catch (const kj::Exception& e) {
      return e.getDescription().cStr();
    }
    return "no error";
  }
  template <typename T>
  std::string errorOf(capnp::RemotePromise<T> promise) {
    return errorOf(kj::Promise<capnp::Response<T>>(kj::mv(promise)));
  }
  // Lets the loop do what it can without time passing, and delivers what the store completed.
  void settle();
  void commit();
  // Of the connection that the server closed last.
  std::string whyClosed() const { return notices.last<notice::ConnectionClosed>().reason; }

  // --- Calls that most tests need ---
  Registration registration(std::string instance = "llama", uint32_t worker = 0) const;
  using RegisterRequest =
      capnp::Request<schema::WorkerGateway::RegisterParams, schema::WorkerGateway::RegisterResults>;
  RegisterRequest registerRequest(Peer& peer, const Registration& registration);
  schema::WorkerSession::Client registerWorker(Peer& peer, const Registration& registration);
  // One report; admits unless `evicts` says otherwise.
  kj::Promise<void> report(schema::WorkerSession::Client& session, const std::string& location,
                           uint64_t incarnation, uint64_t firstSeq,
                           const std::vector<uint64_t>& keys,
                           const std::vector<uint8_t>& evicts = {});
  // Matched chunks by instance.
  std::map<std::string, uint32_t> lookup(Peer& peer, const std::vector<uint64_t>& hashes);
  Location& location(const std::string& instance, uint32_t worker, const std::string& name);

  static constexpr uint64_t kIncarnation = 77;

  kj::AsyncIoContext io;
  std::filesystem::path directory;
  std::string address;
  ManualClock clock;
  RecordedNotices notices;
  MemoryStore store;
  uint64_t drawn = 0;  // numbers that the executor drew ascend
  Controller controller;
  const Registry& registry;  // the controller's
  AccessControl access;
  LoopTurns turns;
  HashDoctor doctor{notices};
  FakeGroup group;  // alone, until a test says otherwise
  std::unique_ptr<Server> server;
  std::vector<std::string> workerCalls;

 private:
  std::string networkAddress_;  // of this machine; empty: not listened on yet
  template <typename T>
  void drive(kj::Promise<T>& promise) {
    // Crowds are paced by the loop's own clock, so turns alone do not tell how long to wait.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < deadline) {
      if (promise.poll(io.waitScope)) return;
      commit();
    }
    throw std::runtime_error("the call was never answered");
  }
};

}  // namespace holdfast::test
