#include "peering/leader_question.h"

#include <kj/debug.h>

#include <utility>

#include "client/controller_address.h"

namespace holdfast::peering {

LeaderQuestion::LeaderQuestion(kj::Network& network, kj::Timer& timer, ClientSecurity security,
                               uint64_t timeMs, Answer answer)
    : network_(network),
      timer_(timer),
      security_(std::move(security)),
      timeMs_(timeMs),
      answer_(std::move(answer)) {}

void LeaderQuestion::ask(const std::string& address) {
  asking_ = nullptr;
  peer_ = nullptr;
  // What stands in the log is anybody's who may write there.
  auto asked = kj::evalLater([this, address]() -> kj::Promise<void> {
    if (const auto wrong = invalidControllerAddress(address)) {
      return KJ_EXCEPTION(FAILED, *wrong);
    }
    peer_ = std::make_unique<Peer>(network_, security_, address);
    return peer_->open();
  });
  asking_ =
      timer_.timeoutAfter(timeMs_ * kj::MILLISECONDS, kj::mv(asked))
          .then([this]() { answer_(peer_->replica()); },
                [this](kj::Exception&& e) {
                  answer_(peer_ != nullptr ? peer_->explain(e)
                                           : Error{ErrorCode::kInvalid, e.getDescription().cStr()});
                })
          .then([this]() { peer_ = nullptr; })  // it is asked anew the next time
          .eagerlyEvaluate(nullptr);
}

}  // namespace holdfast::peering
