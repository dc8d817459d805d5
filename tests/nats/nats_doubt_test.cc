// One server: a stream that is not what it was, for a moment or for good.
#include <gtest/gtest.h>

#include <future>
#include <string>

#include "replication/nats/nats_log.h"
#include "tests/nats/administrator.h"
#include "tests/nats/pump.h"
#include "tests/nats/servers.h"

namespace holdfast::test {
namespace {

using replication::AppendId;
using replication::NatsLog;
using replication::NatsOptions;

constexpr const char* kIdentity = "0123456789abcdef0123456789abcdef";

class NatsDoubtTest : public testing::Test {
 protected:
  bool until(NatsLog& log, Notes& notes, const std::function<bool()>& done) {
    return bell_.until([&] { log.poll(notes); }, done);
  }
  // A log whose stream has these records, and lets them be deleted.
  std::unique_ptr<NatsLog> deletable(Notes& notes, size_t records) {
    auto log = openLog(servers_.options(), bell_);
    Administrator administrator(servers_.options());
    administrator.remove();
    administrator.make("hf.test.0." + log->state().identity, false);
    for (size_t i = 1; i <= records; ++i) log->append("record " + std::to_string(i));
    EXPECT_TRUE(until(*log, notes, [&] { return notes.appended.size() == records; }));
    return log;
  }

  NatsServers servers_{1};
  Bell bell_;
};

TEST_F(NatsDoubtTest, AStreamThatIsNotThereForAMomentEndsNothing) {
  NatsOptions patient = servers_.options();
  patient.doubt = kPatience;
  const auto log = openLog(patient, bell_);
  ASSERT_TRUE(log);
  Notes notes;
  Administrator administrator(servers_.options());
  administrator.remove();
  ASSERT_TRUE(until(*log, notes, [&] {
    return log->state().warning.find("was deleted") != std::string::npos;
  })) << log->state().warning;
  administrator.make("hf.test.0." + log->state().identity, true);
  ASSERT_TRUE(until(*log, notes, [&] { return log->state().warning.empty(); }));
  const AppendId id = log->append("goes on");
  log->follow(1);
  ASSERT_TRUE(
      until(*log, notes, [&] { return notes.appended.contains(id) && !notes.records.empty(); }));
  EXPECT_EQ(notes.lost, "");
}

TEST_F(NatsDoubtTest, AStoreOfALogThatIsGoneMakesNoOther) {
  ASSERT_TRUE(openLog(servers_.options(), bell_));
  Administrator administrator(servers_.options());
  administrator.remove();
  NatsOptions options = servers_.options();
  options.identity = kIdentity;
  options.doubt = std::chrono::milliseconds(500);
  const auto log = NatsLog::open(options);
  ASSERT_FALSE(log.ok());
  EXPECT_EQ(log.error().code, ErrorCode::kNotFound);
  EXPECT_NE(log.error().message.find(kIdentity), std::string::npos) << log.error().message;
  EXPECT_FALSE(administrator.isThere());
}

TEST_F(NatsDoubtTest, AStoreWaitsForItsStreamAndTheLastRecordThatItHas) {
  ASSERT_TRUE(openLog(servers_.options(), bell_));
  Administrator administrator(servers_.options());
  administrator.remove();
  NatsOptions options = servers_.options();
  options.identity = kIdentity;
  options.sequence = 1;
  options.doubt = kPatience;
  auto opening = std::async(std::launch::async, [&] { return NatsLog::open(options); });
  administrator.make(std::string("hf.test.0.") + kIdentity, true);
  const auto other = openLog(servers_.options(), bell_);
  ASSERT_TRUE(other);
  Notes notes;
  other->append("the last one");
  ASSERT_TRUE(until(*other, notes, [&] { return !notes.appended.empty(); }));
  const auto log = opening.get();
  ASSERT_TRUE(log.ok()) << log.error().message;
  EXPECT_EQ(log.value()->state().identity, kIdentity);
  EXPECT_EQ(log.value()->state().last, 1u);
}

TEST_F(NatsDoubtTest, ARecordThatIsMissingBetweenOthersIsNotWaitedForForEver) {
  Notes notes;
  const auto log = deletable(notes, 5);
  Administrator(servers_.options()).removeRecord(3);
  log->follow(1);
  ASSERT_TRUE(until(*log, notes, [&] { return !notes.lost.empty(); }));
  EXPECT_EQ(notes.records.size(), 2u) << "what is before it comes, what is behind it does not";
  EXPECT_NE(notes.lost.find("record 3"), std::string::npos) << notes.lost;
  EXPECT_NE(notes.lost.find("1 to 5"), std::string::npos) << notes.lost;
}

TEST_F(NatsDoubtTest, AMissingLastRecordIsNoticedToo) {
  Notes notes;
  const auto log = deletable(notes, 2);
  Administrator(servers_.options()).removeRecord(2);
  log->follow(1);
  ASSERT_TRUE(until(*log, notes, [&] { return !notes.lost.empty(); }));
  EXPECT_NE(notes.lost.find("record 2"), std::string::npos) << notes.lost;
}

TEST_F(NatsDoubtTest, AMissingRecordIsNotFetchedForEver) {
  Notes notes;
  const auto log = deletable(notes, 5);
  Administrator(servers_.options()).removeRecord(3);
  ASSERT_TRUE(bell_.until(
      [&] {
        log->fetch(3);
        log->poll(notes);
      },
      [&] { return !notes.lost.empty(); }));
  EXPECT_NE(notes.lost.find("record 3"), std::string::npos) << notes.lost;
}

TEST_F(NatsDoubtTest, OnlyTheNewestOfManyFetchesIsAsked) {
  const auto log = openLog(servers_.options(), bell_);
  ASSERT_TRUE(log);
  Notes notes;
  for (size_t i = 0; i < 2; ++i) log->append("record");
  ASSERT_TRUE(until(*log, notes, [&] { return notes.appended.size() == 2; }));
  servers_.kill(0);
  ASSERT_TRUE(until(*log, notes, [&] { return !log->state().connected; }));
  for (size_t i = 0; i < 50; ++i) log->fetch(1);
  log->fetch(2);
  servers_.start(0);
  ASSERT_TRUE(bell_.until([&] { log->poll(notes); },
                          [&] {
                            // The one that was under way may have taken too long.
                            if (!notes.fetched.contains(2)) log->fetch(2);
                            return notes.fetched.contains(2);
                          }));
  EXPECT_LE(notes.timesFetched[1], 1u);
}

}  // namespace
}  // namespace holdfast::test
