// What a fake controller has on its loop's thread.
#pragma once

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include <list>
#include <memory>
#include <optional>
#include <string>

#include "fake_controller.h"
#include "wire/text.h"

namespace holdfast {

struct FakeController::Connection {
  Connection(kj::Own<kj::AsyncIoStream> socket, capnp::Capability::Client bootstrap)
      : stream(kj::mv(socket)),
        network(*stream, capnp::rpc::twoparty::Side::SERVER),
        rpc(capnp::makeRpcServer(network, kj::mv(bootstrap))) {}
  kj::Own<kj::AsyncIoStream> stream;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc;
};

struct FakeController::OnLoop final : private kj::TaskSet::ErrorHandler {
  OnLoop() : tasks(*this) {}
  void taskFailed(kj::Exception&&) override {}

  std::optional<schema::Worker::Client> worker;  // of the last registration
  uint64_t session = 0;                          // its number
  std::list<std::unique_ptr<Connection>> connections;
  std::list<kj::Own<kj::AsyncIoStream>> dumb;
  std::string garbage;
  kj::Own<kj::ConnectionReceiver> receiver;
  kj::Promise<void> accepting = nullptr;
  kj::TaskSet tasks;

  void askFullSync(const std::string& location, uint64_t continueSyncId) {
    auto request = worker->startFullSyncRequest();
    request.setLocation(textOf(location));
    request.setContinueSyncId(continueSyncId);
    tasks.add(request.send().ignoreResult());
  }
};

}  // namespace holdfast
