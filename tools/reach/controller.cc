#include "reach/controller.h"

#include <string_view>

#include "core/limits.h"
#include "reach/dial.h"
#include "reach/noted_stream.h"

namespace holdfast::reach {
namespace {

constexpr const char* kStartOne =
    "Is holdfastd running there? holdfastd --data-dir DIR starts one.";

// What the other side said, without what Cap'n Proto puts in front at each hop.
std::string_view textOf(const kj::Exception& e) {
  constexpr std::string_view kHop = "remote exception: ";
  std::string_view text(e.getDescription().begin(), e.getDescription().size());
  while (text.starts_with(kHop)) text.remove_prefix(kHop.size());
  return text;
}

std::string secondsText(Patience patience) {
  std::string text = std::to_string(patience.count() / 1000);
  if (patience.count() % 1000 != 0) {
    text += "." + std::to_string(1000 + patience.count() % 1000).substr(1);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text + " s";
}

}  // namespace

Connection::Connection(kj::AsyncIoContext& io, const std::string& address, Patience patience)
    : address_(address), io_(io) {
  const auto parsed = parseAddress(address);
  if (!parsed.ok()) throw Unreachable(parsed.error().message);
  auto dialled = dial(parsed.value(), patience);
  if (!dialled.ok()) notReached(dialled.error().message);

  using Provider = kj::LowLevelAsyncIoProvider;
  const kj::uint flags =
      Provider::TAKE_OWNERSHIP | Provider::ALREADY_NONBLOCK | Provider::ALREADY_CLOEXEC;
  auto noted =
      kj::heap<NotedStream>(io.lowLevelProvider->wrapSocketFd(dialled.value().release(), flags));
  noted_ = noted.get();
  stream_ = kj::mv(noted);
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
  granted_ = KJ_ASSERT_NONNULL(answer_);
  reached_ = true;
}

void Connection::notReached(const std::string& why) const {
  throw Unreachable("cannot reach the controller at " + address_ + ": " + why + "\n" + kStartOne);
}

void Connection::fail(const kj::Exception& e, bool late, Patience patience) const {
  const std::string at = "the controller at " + address_;
  if (late && !reached_) {
    notReached("the connection is open, but nothing answered within " + secondsText(patience) +
               ": the controller is stopped or overloaded, or another program "
               "listens there (HTTP?)");
  }
  if (late) {
    throw Unreachable(at + " did not answer within " + secondsText(patience) +
                      "; it is stopped or overloaded. What was asked for may come about all the "
                      "same.");
  }
  if (!reached_ && noted_->heardAnything() && e.getType() == kj::Exception::Type::DISCONNECTED) {
    notReached("what listens there is no Holdfast controller: it speaks another protocol (HTTP?)");
  }
  if (e.getType() == kj::Exception::Type::DISCONNECTED) {
    if (reached_) {
      throw Unreachable("the connection to " + at +
                        " ended before its answer came: it was stopped, killed or restarted.");
    }
    notReached(
        "it closed the connection without a word: it is ending, has all the connections that it "
        "takes (--connections-max), or is no controller");
  }
  const std::string_view text = textOf(e);
  constexpr std::string_view kUnknown = "unknown: ";
  if (text.starts_with(kUnknown)) throw NotFound(std::string(text.substr(kUnknown.size())));
  if (e.getType() == kj::Exception::Type::UNIMPLEMENTED) {
    throw Refused(at + " does not know this command: it is older than this program; upgrade it");
  }
  throw Refused(at + " says: " + std::string(text));
}

}  // namespace holdfast::reach
