// Follows the stream from a sequence on, on a thread of its own: every record once and in order, or
// the news that the stream no longer has them.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "locks/mutex.h"
#include "replication/nats/arrivals.h"
#include "replication/nats/connected.h"
#include "replication/nats/doubt.h"

namespace holdfast::replication::nats {

class Reader {
 public:
  // Keeps its arguments, which outlive it.
  Reader(Connected& connected, Arrivals& arrivals);
  // After Connected::close() and Arrivals::close().
  ~Reader();

  // From the owner's thread; 0: nothing any more.
  void follow(LogSequence from);

 private:
  void run();
  // Reads until something is wrong with the subscription, or it is not wanted any more.
  void read(uint64_t follow);
  // False: what comes next did not come, although the stream has records behind it.
  bool read(uint64_t follow, natsSubscription* subscription);
  // Whether the stream has what comes next. Otherwise it says so, or it is to be asked later.
  bool there(uint64_t follow);
  // Whether it has what comes next in the midst of it, and did not just deliver it. Otherwise it
  // says so in the end.
  void lookFor();
  Subscription subscribe(const Session& session);
  // Before its version 3.6, the library may still be about to put a message into a subscription
  // that is destroyed. When the server has answered what was sent behind the end of it,
  // no message for it is under way any more. Nor is one of a connection that another one followed.
  void end(std::shared_ptr<Session> session, Subscription subscription);
  bool wanted(uint64_t follow);
  void pause();
  void lost(std::string why);

  Connected& connected_;
  Arrivals& arrivals_;
  Mutex mutex_;
  Condition wakened_;
  uint64_t follow_ HOLDFAST_GUARDED_BY(mutex_) = 0;   // numbers the calls of follow()
  LogSequence from_ HOLDFAST_GUARDED_BY(mutex_) = 0;  // of the last one; 0: nothing
  bool stopping_ HOLDFAST_GUARDED_BY(mutex_) = false;

  struct Ended {
    std::shared_ptr<Session> session;
    Subscription subscription;
  };
  // The thread's.
  LogSequence next_ = 0;
  Doubt tooShort_;            // whether the stream ends before next_
  Doubt missing_;             // whether it lacks next_ between others
  std::vector<Ended> ended_;  // may still get a message; few, as who is cut off makes none
  std::thread thread_;
};

}  // namespace holdfast::replication::nats
