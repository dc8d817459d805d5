#include "controller.h"

#include <string_view>

#include "core/limits.h"

namespace holdfast::ctl {
namespace {

// What the kernel or Cap'n Proto said, without the name of the call and its arguments.
std::string shortReason(const kj::Exception& e) {
  std::string text = e.getDescription().cStr();
  for (const std::string_view before : {"remote exception: ", "connect(): ", "): "}) {
    if (const size_t at = text.find(before); at != std::string::npos) {
      text = text.substr(at + before.size());
    }
  }
  // What a failed name look-up was called with.
  return text.substr(0, text.find(".; params."));
}

}  // namespace

Controller::Controller(const std::string& address) : address_(address), io_(kj::setupAsyncIo()) {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = kMessageBytesMax / sizeof(capnp::word);
  auto resolved = await(io_.provider->getNetwork().parseAddress(kj::StringPtr(address.c_str())));
  stream_ = await(resolved->connect());
  network_ =
      kj::heap<capnp::TwoPartyVatNetwork>(*stream_, capnp::rpc::twoparty::Side::CLIENT, options);
  rpc_ = kj::heap(capnp::makeRpcClient(*network_));
  capnp::MallocMessageBuilder vat;
  auto server = vat.initRoot<capnp::rpc::twoparty::VatId>();
  server.setSide(capnp::rpc::twoparty::Side::SERVER);
  auto bootstrap = rpc_->bootstrap(server).castAs<schema::Bootstrap>();
  auto authentication = bootstrap.authenticateRequest().send();
  authenticated_ =
      kj::mv(static_cast<schema::Bootstrap::AuthenticateResults::Pipeline&>(authentication));
  authentication_ = kj::mv(authentication);
}

void Controller::pause(uint32_t ms) {
  io_.provider->getTimer().afterDelay(ms * kj::MILLISECONDS).wait(io_.waitScope);
}

void Controller::fail(const kj::Exception& e) const {
  const std::string reason = shortReason(e);
  if (e.getType() == kj::Exception::Type::DISCONNECTED || rpc_.get() == nullptr) {
    throw Unreachable("cannot reach the controller at " + address_ + ": " + reason +
                      "\nIs holdfastd running there (holdfastd --data-dir DIR starts it)? "
                      "Another address is named by --controller ADDR or HOLDFAST_CONTROLLER.");
  }
  if (e.getType() == kj::Exception::Type::OVERLOADED && reason.find("timed out") == 0) {
    throw Unreachable("the controller at " + address_ +
                      " did not answer in time; is it something else that listens there?");
  }
  throw Refused("the controller at " + address_ + " says: " + reason);
}

}  // namespace holdfast::ctl
