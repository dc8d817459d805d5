// Servers that take nothing, or nobody: nobody waits for them, and afterwards it goes on.
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "locks/flag.h"
#include "replication/nats/nats_log.h"
#include "replication/records.h"
#include "tests/nats/pump.h"
#include "tests/nats/servers.h"

namespace holdfast::test {
namespace {

using replication::AppendId;
using replication::NatsLog;
using replication::NatsOptions;

// More than the kernel takes for a server that reads nothing.
constexpr size_t kBlocking = (size_t{8} << 20) / replication::kRecordBytesMax;

std::string authorization(const std::string& password) {
  return "authorization { users: [ { user: holdfast, password: " + password + " } ] }";
}

class NatsOutageTest : public testing::Test {
 protected:
  bool until(NatsLog& log, Notes& notes, const std::function<bool()>& done) {
    return bell_.until([&] { log.poll(notes); }, done);
  }
  static void fill(NatsLog& log) {
    for (size_t i = 0; i < kBlocking; ++i) {
      log.append(std::string(replication::kRecordBytesMax, 'x'));
    }
  }
  // Appends until one is acknowledged.
  bool append(NatsLog& log, Notes& notes) {
    AppendId last = 0;
    return until(log, notes, [&] {
      if (last == 0 || notes.unknown.contains(last)) last = log.append("record");
      return notes.appended.contains(last);
    });
  }

  Bell bell_;
};

TEST_F(NatsOutageTest, AServerThatTakesNothingHoldsUpNobody) {
  NatsServers servers(1);
  auto log = openLog(servers.options(), bell_);
  ASSERT_TRUE(log);
  Notes notes;
  servers.stop(0);
  fill(*log);
  EXPECT_TRUE(until(*log, notes, [&] { return !notes.unknown.empty(); }));
  EXPECT_TRUE(until(*log, notes, [&] { return !log->state().connected; }));
  Flag ended;
  std::thread ending([&] {
    log.reset();
    ended.raise();
  });
  EXPECT_TRUE(ended.waitFor(kPatience));
  servers.resume(0);
  ending.join();
}

TEST_F(NatsOutageTest, WhoeverIsRefusedForAWhileComesBack) {
  NatsServers servers(1, authorization("right"));
  NatsOptions options = servers.options();
  options.user = "holdfast";
  options.password = "right";
  const auto log = openLog(options, bell_);
  ASSERT_TRUE(log);
  Notes notes;
  log->follow(1);
  ASSERT_TRUE(append(*log, notes));
  servers.kill(0);
  servers.configure(0, authorization("another"));
  servers.start(0);
  // Twice, and the library connects no more.
  ASSERT_TRUE(until(*log, notes, [&] {
    return log->state().reason.find("uthorization") != std::string::npos;
  })) << log->state().reason;
  servers.kill(0);
  servers.configure(0, authorization("right"));
  servers.start(0);
  ASSERT_TRUE(until(*log, notes, [&] { return log->state().connected; })) << log->state().reason;
  EXPECT_EQ(log->state().reason, "");
  ASSERT_TRUE(append(*log, notes));
  ASSERT_TRUE(until(*log, notes, [&] { return notes.records.size() >= 2; }));
  log->fetch(1);
  ASSERT_TRUE(until(*log, notes, [&] { return notes.fetched.contains(1); }));
  EXPECT_EQ(notes.lost, "");
}

}  // namespace
}  // namespace holdfast::test
