#include "reach/controller.h"

#include <string_view>

#include "client/connection_error.h"
#include "client/prepared_security.h"
#include "core/limits.h"
#include "reach/dial.h"

namespace holdfast::reach {
namespace {

constexpr const char* kStartOne =
    "\nIs holdfastd running there? holdfastd --data-dir DIR starts one.";

}  // namespace

Connection::Connection(kj::AsyncIoContext& io, const std::string& address,
                       const ClientSecurity& security, Patience patience)
    : address_(address), io_(io) {
  const auto parsed = parseAddress(address);
  if (!parsed.ok()) throw Unreachable(parsed.error().message);
  auto prepared = PreparedSecurity::read(security, address);
  if (!prepared.ok()) throw Unreachable(prepared.error().message);
  auto dialled = dial(parsed.value(), patience);
  if (!dialled.ok()) {
    throw Unreachable("cannot reach the controller at " + address + ": " + dialled.error().message +
                      kStartOne);
  }

  using Provider = kj::LowLevelAsyncIoProvider;
  const kj::uint flags =
      Provider::TAKE_OWNERSHIP | Provider::ALREADY_NONBLOCK | Provider::ALREADY_CLOEXEC;
  auto socket = io.lowLevelProvider->wrapSocketFd(dialled.value().release(), flags);
  step_ = ConnectionStep::kSecuring;
  stream_ = await(prepared.value().secure(kj::mv(socket)), patience);
  step_ = ConnectionStep::kGreeting;
  capnp::ReaderOptions options;
  options.traversalLimitInWords = kMessageBytesMax / sizeof(capnp::word);
  network_ =
      kj::heap<capnp::TwoPartyVatNetwork>(*stream_, capnp::rpc::twoparty::Side::CLIENT, options);
  rpc_ = kj::heap(capnp::makeRpcClient(*network_));
  capnp::MallocMessageBuilder vat;
  auto server = vat.initRoot<capnp::rpc::twoparty::VatId>();
  server.setSide(capnp::rpc::twoparty::Side::SERVER);
  auto bootstrap = rpc_->bootstrap(server).castAs<schema::Bootstrap>();
  auto request = bootstrap.authenticateRequest();
  const std::string& token = prepared.value().token();
  request.setToken({token.data(), token.size()});
  answer_ = call(kj::mv(request), patience);
  KJ_IF_MAYBE (answer, answer_) granted_ = *answer;
  step_ = ConnectionStep::kTalking;
}

void Connection::notGranted(const char* what) const {
  throw Refused("the controller at " + address_ +
                " says: the role of this token does not include " + what);
}

void Connection::fail(const kj::Exception& e, bool late) const {
  const Error error = toError(e, address_, step_);
  if (error.code == ErrorCode::kUnauthenticated) {
    throw Refused("the controller at " + address_ + " says: " + error.message +
                  "\nA token is named by --token-file FILE or HOLDFAST_TOKEN_FILE.");
  }
  // With TLS somebody is there, and the sentence says what is the matter.
  if (step_ == ConnectionStep::kSecuring) throw Unreachable(error.message);
  if (step_ != ConnectionStep::kTalking) throw Unreachable(error.message + kStartOne);
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
