// A controller's part in its group: it follows the log, wants to lead when nobody does, leads.
//
//   bootstrapping -> follower -> candidate -> leader
//
// A follower applies what is valid in the log. When nothing valid came for a while it appends a
// take-over, and leads when it reads that as valid: then it has applied everything before it.
// Otherwise another one was faster, and it follows that one. Who led and does not any more has
// ended, and so has one that cannot follow: ended() says why, and what to do.
//
// A leader that the log does not hear for a while cannot know whether it still leads: it says that
// it is cut off, and is to take no writes, until it has read that it does.
//
// Deterministic: the clock, random numbers and the log come from outside. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/replica/replica.h"
#include "core/replica_view.h"
#include "core/result.h"
#include "replication/log.h"
#include "replication/log_rule.h"
#include "replication/logged_store.h"
#include "replication/record_delay.h"
#include "replication/records.h"

namespace holdfast::replication {

struct MemberOptions {
  std::string node;     // its name, for people; at most kNodeBytesMax
  std::string address;  // where workers and routers find it; at most kAddressBytesMax
  uint32_t format = 0;  // of the store
  // Nothing valid came for so long: a follower wants to lead.
  uint64_t silenceMsMax = 300;
  // A leader writes at least so often, whatever it has to say.
  uint64_t beatMs = 100;
  // Until a take-over of which nothing is heard is appended again.
  uint64_t repeatMs = 1000;
  // Asks the leader there whether it leads, and how long ago the log acknowledged something to it;
  // to be answered by leaderAnswered() or leaderSilent(). Empty: nobody is asked.
  std::function<void(const std::string& address)> askLeader;
  uint64_t answerMsMax = 100;            // how long it may take
  uint64_t acknowledgedAgeMsMax = 1000;  // older than that, and it does not count
  // A leader that the log has not heard for so long, and for as long as others wait for it, is cut
  // off.
  uint64_t cutOffMs = 1000;
  // The system's steady clock, by which ages are told: what passes while the process is stopped
  // counts as well, where the other clock stands still. Empty: that clock.
  std::function<uint64_t()> systemMs = {};
  // How long a leader that steps down waits until another one takes over.
  uint64_t handOverMsMax = 5000;
};

class Member final : public GroupMember, private LogListener {
 public:
  // Keeps all references. `random` gives 64 random bits.
  Member(Log& log, LoggedStore& store, Replica& replica, const Clock& clock,
         std::function<uint64_t()> random, MemberOptions options);

  // Once, before the other calls: follows the log from where the store stands. `hasContent`: the
  // store holds something. The error says why they do not go together, and what to do.
  std::optional<Error> start(bool hasContent);
  // The log has something new, or step() had more to do: a bounded piece of it. True: there is more
  // to do. Calls nothing of the store's listener.
  bool step();
  // Several times within silenceMsMax.
  void tick();
  // What askLeader came to: it leads in that epoch, as it says; or it does not, or cannot be asked,
  // so nobody waits for it.
  void leaderAnswered(uint64_t epoch, uint64_t acknowledgedAgeMs);
  void leaderSilent();

  // It is elected: from now on what is written to the store goes to the log first. The registry is
  // that of a store that was opened, and what a start does with it is to be done.
  bool leads() const { return role_ == ReplicaRole::kLeader; }
  // A leader that may be none any more, see the view; it leads again, or ends.
  bool cutOff() const;
  // How far it has followed.
  const LogPosition& read() const { return read_; }
  // It neither leads nor follows any more, and its process is to end.
  const std::optional<Error>& ended() const { return ended_; }
  // Why it has ended: another one leads, and it can start again at once.
  bool deposed() const { return deposed_; }

  const ReplicaView& view() override;
  void stepDown(std::function<void(const std::optional<Error>&)> done) override;
  // A leader says that it stops; the others need not wait. What was published comes to be
  // confirmed before, and nothing is published after it. retired() when the log has it.
  void retire();
  bool retired() const;

 private:
  void onAppended(AppendId id, LogSequence sequence) override;
  void onAppendUnknown(AppendId id, const Error& why) override;
  void onFetched(LogSequence sequence, std::string_view bytes) override;
  void onRecord(LogSequence sequence, std::string_view bytes) override;
  void onLogLost(const Error& why) override;

  std::optional<Error> begin(bool hasContent, const LogState& state);
  void take(LogSequence sequence, std::string_view bytes);
  void take(const TakeOver& takeOver);
  void take(const Frame& frame);
  void apply();
  std::optional<Error> cannotFollow(const TakeOver& leader) const;
  void lead();
  void stepLeader();
  void tickLeader();
  void tickFollower();
  void campaign();
  void noteProgress();
  void noteLed();
  uint64_t systemMs() const;
  void end(Error why);
  void announce(uint64_t nowMs);
  void goOn();
  void answerStepDown(const std::optional<Error>& why);
  bool hasRead(LogSequence sequence) const { return read_.sequence >= sequence; }

  Log& log_;
  LoggedStore& store_;
  Replica& replica_;
  const Clock& clock_;
  const std::function<uint64_t()> random_;
  const MemberOptions options_;

  ReplicaRole role_ = ReplicaRole::kBootstrapping;
  std::optional<Error> ended_;
  bool deposed_ = false;

  // Of a follower.
  LogRule rule_;
  LogPosition read_;  // taken
  LogPlace place_;    // of the store
  LogSequence delivered_ = 0;
  LogSequence known_ = 0;                                    // was there when it started
  LogSequence last_ = 0;                                     // is there, as the log says
  std::deque<std::pair<LogSequence, std::string>> waiting_;  // delivered and not taken
  bool full_ = false;  // nothing is wanted of the log until the own store has room
  RecordDecoder decoder_;
  BatchAssembler assembler_;
  bool leaderRetired_ = false;  // and has written nothing since
  RecordDelay delay_;
  // When the newest valid record was made, of this system's clock, as far as that can be told.
  std::optional<uint64_t> validMs_;
  uint64_t validWallMs_ = 0;             // as its leader says
  uint64_t quietSinceMs_ = 0;            // nothing that keeps it from leading came
  std::optional<uint64_t> answerDueMs_;  // the leader is asked, and may answer until then
  std::optional<uint64_t> nonce_;        // of its take-over that may still come to be valid
  uint64_t campaignedMs_ = 0;
  uint64_t campaignSystemMs_ = 0;  // when that take-over was first appended

  // Of a leader.
  uint64_t ledMs_ = 0;  // as the publisher says
  uint64_t ledSystemMs_ = 0;
  uint64_t saidMs_ = 0;     // it wrote something
  uint64_t saidIndex_ = 0;  // what it would have written next then
  bool retires_ = false;    // from now on it says that, and nothing else
  std::vector<AppendId> retirements_;
  bool retired_ = false;
  std::function<void(const std::optional<Error>&)> stepDownDone_;
  uint64_t stepDownMs_ = 0;

  // Its texts change when what they say does: `log` with start(), `leader` with each take-over.
  ReplicaView view_;
};

}  // namespace holdfast::replication
