// This controller's part in its group, on the event loop: the log that it shares, the store that
// writes to it first, when it follows, leads and ends.
#pragma once

#include <kj/async-io.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/controller.h"
#include "core/replica_view.h"
#include "core/result.h"
#include "daemon/configuration.h"
#include "daemon/loop_clock.h"
#include "daemon/wakeup.h"
#include "peering/leader_question.h"
#include "replication/log.h"
#include "replication/logged_store.h"
#include "replication/member.h"
#include "store/rocks_store.h"

namespace holdfast {

// On the loop's thread; references outlive it.
class Group final : public GroupMember, private kj::TaskSet::ErrorHandler {
 public:
  // Whether the log has nothing yet; it is made where it is not there. As open() otherwise.
  static Result<bool> logIsEmpty(const Configuration& configuration);
  // Connects to the log; takes some seconds at most. kUnavailable: its servers cannot be reached
  // now. `storeWakeup` is signalled when the store is to be polled.
  static Result<std::unique_ptr<Group>> open(const Configuration& configuration, RocksStore& store,
                                             Wakeup& storeWakeup, kj::UnixEventPort& port);
  ~Group() noexcept override;

  // What the controller writes to.
  RegistryStore& store() { return store_; }

  // --- GroupMember; bootstrapping until start() ---
  const ReplicaView& view() override;
  void stepDown(std::function<void(const std::optional<Error>&)> done) override;

  // What comes about; onLead and onEnd are called once at most.
  struct Events {
    std::function<void()> onLead;  // the controller leads
    // It leads, and may be replaced without knowing of it: workers are to look for who leads.
    // Whenever that begins.
    std::function<void()> onCutOff;
    // Another one leads (`deposed`), or this one cannot follow: the process is to end.
    std::function<void(const Error& why, bool deposed)> onEnd;
  };
  // Follows from now on. `address`: where workers find this controller; over `network` it asks the
  // leader. The error says why it cannot, and what to do.
  std::optional<Error> start(Controller& controller, std::function<uint64_t()> random,
                             const std::string& address, kj::Network& network, kj::Timer& timer,
                             Events events);
  // Calls it when all that was written until now is in the store's own queue.
  void whenHandedOn(std::function<void()> call) { store_.whenHandedOn(std::move(call)); }
  // The process ends: a follower follows no more, and nobody is told of anything.
  void stop() { stopping_ = true; }
  // After stop(): a leader's end, when nothing is written any more: what was written comes to be
  // confirmed, and the others need not wait. Takes some seconds at most. A follower just ends.
  kj::Promise<void> handOver();
  // After that: why not all that was written is confirmed.
  std::optional<Error> unconfirmed() const;

 private:
  Group(const Configuration& configuration, RocksStore& store, Wakeup& storeWakeup,
        kj::UnixEventPort& port);
  kj::Promise<void> poll();
  kj::Promise<void> tick();
  void look();
  void leaderAnswered(const Result<ReplicaStatus>& answer);
  void tellOfLog();
  void lookWhetherCutOff();
  kj::Promise<void> waitUntil(std::function<bool()> done, kj::Duration most);
  void taskFailed(kj::Exception&& exception) override;

  const Configuration& configuration_;
  Wakeup& storeWakeup_;
  Wakeup logWakeup_;
  LoopClock clock_;
  std::unique_ptr<replication::Log> log_;  // null: not connected yet
  replication::LoggedStore store_;
  std::unique_ptr<replication::Member> member_;        // null: not started yet
  std::unique_ptr<peering::LeaderQuestion> question_;  // likewise
  Controller* controller_ = nullptr;
  kj::Timer* timer_ = nullptr;
  Events events_;
  // As they were said last.
  std::string leader_;
  ReplicaRole role_ = ReplicaRole::kBootstrapping;
  bool connected_ = true;
  std::string warning_;
  std::optional<uint64_t> answerSaidMs_;
  const ReplicaView starting_{.role = ReplicaRole::kBootstrapping};
  bool cutOff_ = false;
  bool ended_ = false;
  bool stopping_ = false;
  kj::TaskSet tasks_;
};

}  // namespace holdfast
