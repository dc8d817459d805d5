// A controller of a group, as far as another one asks it for a copy of its store.
#pragma once

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "schema/controller.capnp.h"
#include "store/copy_manifest.h"
#include "wire/errors.h"
#include "wire/text.h"

namespace holdfast::test {

// What a test has it say; may be changed at any time.
struct FakeState {
  schema::ReplicaRole role = schema::ReplicaRole::FOLLOWER;
  uint64_t epoch = 1;
  uint64_t ageMs = 0;
  bool silent = false;            // it answers nothing
  std::optional<Error> greeting;  // what it refuses to authenticate with
  std::optional<Error> refusal;   // what it refuses a copy with
  uint32_t format = 3;
  std::vector<std::pair<std::string, std::string>> files = {
      {"CURRENT", "MANIFEST-000001\n"},
      {"MANIFEST-000001", "m"},
      {"000002.sst", std::string(700'000, 't')}};
  std::optional<uint32_t> torn;      // a file that comes with a wrong byte
  uint64_t readsMax = ~uint64_t{0};  // then the connection to the store is broken
  uint64_t copies = 0;               // that were given
  uint64_t reads = 0;
  std::string token;  // that came last
};

class FakeStoreCopy final : public schema::StoreCopy::Server {
 public:
  explicit FakeStoreCopy(FakeState& state) : state_(state) {}

  // One in each answer.
  kj::Promise<void> files(FilesContext context) override {
    const uint32_t first = context.getParams().getFirst();
    if (first >= state_.files.size()) return kj::READY_NOW;
    const auto& [name, content] = state_.files[first];
    FileChecksum sum;
    sum.add(content.data(), content.size());
    auto file = context.getResults().initFiles(1)[0];
    file.setName(textOf(name));
    file.setBytes(content.size());
    file.setChecksum(textOf(sum.hex()));
    return kj::READY_NOW;
  }
  kj::Promise<void> read(ReadContext context) override {
    if (++state_.reads > state_.readsMax) {
      return wireError({ErrorCode::kUnavailable, "this copy was given up"});
    }
    const auto params = context.getParams();
    std::string data =
        state_.files[params.getFile()].second.substr(params.getOffset(), params.getLength());
    if (state_.torn == params.getFile()) data[0] ^= 1;
    context.getResults().setData({reinterpret_cast<const kj::byte*>(data.data()), data.size()});
    return kj::READY_NOW;
  }

 private:
  FakeState& state_;
};

class FakeOperator final : public schema::Operator::Server {
 public:
  explicit FakeOperator(FakeState& state) : state_(state) {}

  kj::Promise<void> copy(CopyContext context) override {
    if (state_.refusal) return wireError(*state_.refusal);
    ++state_.copies;
    auto answer = context.getResults().initAnswer();
    answer.setClusterId(std::string(32, 'a'));
    answer.setFormat(state_.format);
    answer.setSequence(99);
    answer.setFiles(static_cast<uint32_t>(state_.files.size()));
    uint64_t bytes = 0;
    for (const auto& [name, content] : state_.files) bytes += content.size();
    answer.setBytes(bytes);
    context.getResults().setCopy(kj::heap<FakeStoreCopy>(state_));
    return kj::READY_NOW;
  }

 private:
  FakeState& state_;
};

class FakeBootstrap final : public schema::Bootstrap::Server {
 public:
  explicit FakeBootstrap(FakeState& state) : state_(state) {}

  kj::Promise<void> authenticate(AuthenticateContext context) override {
    if (state_.silent) return kj::NEVER_DONE;
    state_.token = stringOf(context.getParams().getToken());
    if (state_.greeting) return wireError(*state_.greeting);
    auto replica = context.getResults().initReplica();
    replica.setRole(state_.role);
    replica.setEpoch(state_.epoch);
    replica.setAgeMs(state_.ageMs);
    context.getResults().setOperator(kj::heap<FakeOperator>(state_));
    return kj::READY_NOW;
  }

 private:
  FakeState& state_;
};

class FakeController {
 public:
  FakeController(kj::AsyncIoContext& io, const std::string& path)
      : address_("unix:" + path), server_(kj::heap<FakeBootstrap>(state)) {
    listener_ = io.provider->getNetwork().parseAddress(address_).wait(io.waitScope)->listen();
    listening_ = server_.listen(*listener_).eagerlyEvaluate(nullptr);
  }

  const std::string& address() const { return address_; }

  FakeState state;

 private:
  const std::string address_;
  capnp::TwoPartyServer server_;
  kj::Own<kj::ConnectionReceiver> listener_;
  kj::Promise<void> listening_ = nullptr;
};

}  // namespace holdfast::test
