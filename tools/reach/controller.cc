#include "reach/controller.h"

#include <algorithm>
#include <string_view>

#include "client/connection_error.h"
#include "client/prepared_security.h"
#include "reach/addresses.h"
#include "reach/dial.h"

namespace holdfast::reach {
namespace {

constexpr const char* kStartOne =
    "\nIs holdfastd running there? holdfastd --data-dir DIR starts one.";

}  // namespace

Connection::Connection(kj::AsyncIoContext& io, const std::string& addresses,
                       const ClientSecurity& security, Patience patience)
    : io_(io) {
  const auto list = addressesIn(addresses);
  if (!list.ok()) throw Unreachable(list.error().message);
  const size_t size = list.value().size();
  if (size == 1) {
    open(addresses, security, patience);
    return;
  }
  const Patience share = std::max(Patience(1'000), patience / static_cast<int>(size));
  std::string there;  // the first that is, and does not lead
  std::string why;
  for (const std::string& address : list.value()) {
    try {
      close();
      open(address, security, share);
      if (leads()) return;
      if (there.empty()) there = address;
    } catch (const Unreachable& e) {
      why += (why.empty() ? "" : "\n") + std::string(e.what());
    }
  }
  if (there.empty()) throw Unreachable(why);
  if (there == address_ && answer_ != nullptr) return;
  close();
  open(there, security, share);
}

bool Connection::leads() const {
  const auto role = granted_.getReplica().getRole();
  return role == schema::ReplicaRole::ALONE || role == schema::ReplicaRole::LEADER;
}

void Connection::close() {
  granted_ = {};
  answer_ = nullptr;
  connection_ = nullptr;
  step_ = ConnectionStep::kConnecting;
}

void Connection::open(const std::string& address, const ClientSecurity& security,
                      Patience patience) {
  address_ = address;
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
  auto socket = io_.lowLevelProvider->wrapSocketFd(dialled.value().release(), flags);
  step_ = ConnectionStep::kSecuring;
  auto stream = await(prepared.value().secure(kj::mv(socket)), patience);
  step_ = ConnectionStep::kGreeting;
  connection_ = kj::heap<RpcConnection>(kj::mv(stream));
  auto bootstrap = connection_->bootstrap();
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
