// Answers to requests. LMCache's workers know no request ids: of one peer they go out in the order
// in which it asked, whichever is there first.
#pragma once

#include <kj/async.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateways/lmcache/inbound.h"
#include "gateways/lmcache/sockets.h"
#include "gateways/waiting.h"

namespace holdfast::lmcache {

// On the controller's loop.
class Answers final : public kj::TaskSet::ErrorHandler {
 public:
  // Sends them on; resolves when the next ones may follow.
  using Send = std::function<kj::Promise<void>(std::vector<Answer> answers)>;
  explicit Answers(Send send)
      : send_(std::move(send)), tasks_(std::make_unique<kj::TaskSet>(*this)) {}

  struct Pending;
  using Slot = std::shared_ptr<Pending>;
  // A request's place; every one is to be given an answer.
  Slot open(const Inbound& request);
  void give(const Slot& slot, std::string payload);
  void give(const Inbound& request, std::string payload) {
    give(open(request), std::move(payload));
  }

  // Resolves while fewer than so many requests wait for their answers.
  static constexpr size_t kOpenMax = 4096;
  kj::Promise<void> room();

  // Nothing goes on any more.
  void stop() { tasks_ = std::make_unique<kj::TaskSet>(*this); }

 private:
  using Peer = std::pair<Channel, std::string>;

  kj::Promise<void> flush();
  void taskFailed(kj::Exception&& exception) override;

  const Send send_;
  std::map<Peer, std::deque<Slot>> lines_;  // none is empty
  size_t open_ = 0;
  std::vector<Answer> ready_;
  bool flushing_ = false;
  gateways::Waiting room_;
  std::unique_ptr<kj::TaskSet> tasks_;
};

struct Answers::Pending {
  Peer peer;
  bool delimiter = false;
  std::optional<std::string> payload;
};

}  // namespace holdfast::lmcache
