#include "bench/operation_load.h"

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include "schema/controller.capnp.h"

namespace holdfast::bench {
namespace {

class Load {
 public:
  Load(schema::Orchestrator::Client orchestrator, const std::vector<std::string>& instances,
       uint64_t operations)
      : orchestrator_(kj::mv(orchestrator)), instances_(instances), left_(operations) {}

  kj::Promise<void> lane() {
    if (left_ == 0) return kj::READY_NOW;
    const std::string& instance = instances_[--left_ % instances_.size()];
    auto request = orchestrator_.clearRequest();
    auto message = request.initMessage();
    message.setInstanceId({instance.data(), instance.size()});
    message.setLocation("gpu");
    return request.send().then([this](auto&& response) {
      const auto event = response.getEvent();
      if (event.getStatus() == schema::EventStatus::DONE) {
        ++result.done;
      } else if (result.error.empty()) {
        result.error = event.getError().cStr();
      }
      return lane();
    });
  }

  OperationLoad result;

 private:
  schema::Orchestrator::Client orchestrator_;
  const std::vector<std::string>& instances_;
  uint64_t left_;
};

}  // namespace

OperationLoad clearAgainAndAgain(const std::string& controller,
                                 const std::vector<std::string>& instances, uint64_t operations,
                                 uint32_t inFlight) {
  auto io = kj::setupAsyncIo();
  auto stream = io.provider->getNetwork()
                    .parseAddress(controller.c_str())
                    .wait(io.waitScope)
                    ->connect()
                    .wait(io.waitScope);
  capnp::TwoPartyClient client(*stream);
  auto granted = client.bootstrap().castAs<schema::Bootstrap>().authenticateRequest().send().wait(
      io.waitScope);
  Load load(granted.getOrchestrator(), instances, operations);
  kj::Vector<kj::Promise<void>> lanes;
  for (uint32_t i = 0; i < inFlight; ++i) lanes.add(load.lane());
  try {
    kj::joinPromises(lanes.releaseAsArray()).wait(io.waitScope);
  } catch (const kj::Exception& e) {
    load.result.error = e.getDescription().cStr();
  }
  return load.result;
}

}  // namespace holdfast::bench
