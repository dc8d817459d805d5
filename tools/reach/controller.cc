#include "reach/controller.h"

#include <string_view>

#include "client/connection_error.h"
#include "core/limits.h"
#include "reach/dial.h"

namespace holdfast::reach {
namespace {

constexpr const char* kStartOne =
    "\nIs holdfastd running there? holdfastd --data-dir DIR starts one.";

}  // namespace

Connection::Connection(kj::AsyncIoContext& io, const std::string& address, Patience patience)
    : address_(address), io_(io) {
  const auto parsed = parseAddress(address);
  if (!parsed.ok()) throw Unreachable(parsed.error().message);
  auto dialled = dial(parsed.value(), patience);
  if (!dialled.ok()) {
    throw Unreachable("cannot reach the controller at " + address + ": " + dialled.error().message +
                      kStartOne);
  }

  using Provider = kj::LowLevelAsyncIoProvider;
  const kj::uint flags =
      Provider::TAKE_OWNERSHIP | Provider::ALREADY_NONBLOCK | Provider::ALREADY_CLOEXEC;
  stream_ = io.lowLevelProvider->wrapSocketFd(dialled.value().release(), flags);
  capnp::ReaderOptions options;
  options.traversalLimitInWords = kMessageBytesMax / sizeof(capnp::word);
  network_ =
      kj::heap<capnp::TwoPartyVatNetwork>(*stream_, capnp::rpc::twoparty::Side::CLIENT, options);
  rpc_ = kj::heap(capnp::makeRpcClient(*network_));
  capnp::MallocMessageBuilder vat;
  auto server = vat.initRoot<capnp::rpc::twoparty::VatId>();
  server.setSide(capnp::rpc::twoparty::Side::SERVER);
  auto bootstrap = rpc_->bootstrap(server).castAs<schema::Bootstrap>();
  answer_ = call(bootstrap.authenticateRequest(), patience);
  KJ_IF_MAYBE (answer, answer_) granted_ = *answer;
  reached_ = true;
}

void Connection::fail(const kj::Exception& e, bool late) const {
  const ConnectionStep step = reached_ ? ConnectionStep::kTalking : ConnectionStep::kGreeting;
  const Error error = toError(e, address_, step);
  if (!reached_) throw Unreachable(error.message + kStartOne);
  if (late) {
    throw Unreachable(error.message + "; what was asked for may come about all the same");
  }
  if (e.getType() == kj::Exception::Type::DISCONNECTED) throw Unreachable(error.message);
  constexpr std::string_view kUnknown = "unknown: ";
  if (error.code == ErrorCode::kNotFound) throw NotFound(error.message.substr(kUnknown.size()));
  const bool itsOwnWords =
      error.code != ErrorCode::kUnavailable || error.message.starts_with("unavailable: ");
  throw Refused((itsOwnWords ? "the controller at " + address_ + " says: " : "") + error.message);
}

}  // namespace holdfast::reach
