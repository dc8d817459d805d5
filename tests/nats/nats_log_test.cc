// One server: what the log takes and gives, and what it says of what is wrong.
#include "replication/nats/nats_log.h"

#include <gtest/gtest.h>

#include <string>

#include "replication/records.h"
#include "tests/nats/administrator.h"
#include "tests/nats/pump.h"
#include "tests/nats/servers.h"
#include "tests/support/certificates.h"

namespace holdfast::test {
namespace {

using replication::AppendId;
using replication::LogSequence;
using replication::NatsLog;
using replication::NatsOptions;

class NatsLogTest : public testing::Test {
 protected:
  bool until(NatsLog& log, Notes& notes, const std::function<bool()>& done) {
    return bell_.until([&] { log.poll(notes); }, done);
  }
  static std::string record(size_t n, size_t bytes = 100) {
    std::string text = std::to_string(n);
    text.resize(bytes, '.');
    return text;
  }
  static std::string whyNot(const NatsOptions& options) {
    const auto log = NatsLog::open(options);
    return log.ok() ? "" : log.error().message;
  }

  NatsServers servers_{1};
  Bell bell_;
};

TEST_F(NatsLogTest, WhatIsAppendedIsAcknowledgedFetchedAndFollowed) {
  const auto log = openLog(servers_.options(), bell_);
  ASSERT_TRUE(log);
  Notes notes;
  constexpr size_t kRecords = 300;
  for (size_t i = 0; i < kRecords; ++i) EXPECT_EQ(log->append(record(i, 1 + i * 7)), i + 1);
  ASSERT_TRUE(until(*log, notes, [&] { return notes.appended.size() == kRecords; }));
  for (const auto& [id, sequence] : notes.appended) EXPECT_EQ(sequence, id);
  EXPECT_TRUE(notes.unknown.empty());

  log->fetch(7);
  ASSERT_TRUE(until(*log, notes, [&] { return notes.fetched.contains(7); }));
  EXPECT_EQ(notes.fetched[7], record(6, 43));

  log->follow(100);
  ASSERT_TRUE(until(*log, notes, [&] { return notes.records.size() == kRecords - 99; }));
  // What comes later is delivered as well.
  log->append(record(kRecords));
  ASSERT_TRUE(until(*log, notes, [&] { return notes.records.size() == kRecords - 98; }));
  for (size_t i = 0; i + 1 < notes.records.size(); ++i) {
    EXPECT_EQ(notes.records[i].first, 100 + i);
    EXPECT_EQ(notes.records[i].second, record(99 + i, 1 + (99 + i) * 7));
  }

  notes.records.clear();
  log->follow(2);
  ASSERT_TRUE(until(*log, notes, [&] { return notes.records.size() == kRecords; }));
  EXPECT_EQ(notes.records.front().first, 2u);
  EXPECT_EQ(notes.lost, "");
}

TEST_F(NatsLogTest, ALargestRecordIsTaken) {
  const auto log = openLog(servers_.options(), bell_);
  ASSERT_TRUE(log);
  Notes notes;
  const std::string largest(replication::kRecordBytesMax, 'x');
  log->append(largest);
  ASSERT_TRUE(until(*log, notes, [&] { return !notes.appended.empty(); }));
  log->follow(1);
  ASSERT_TRUE(until(*log, notes, [&] { return !notes.records.empty(); }));
  EXPECT_EQ(notes.records.front().second, largest);
}

TEST_F(NatsLogTest, AllNodesOfAGroupFindTheSameLog) {
  const auto one = openLog(servers_.options(), bell_);
  const auto other = openLog(servers_.options(), bell_);
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->state().identity, other->state().identity);
  EXPECT_EQ(one->state().identity.size(), 32u);
  NatsOptions shard = servers_.options();
  shard.shard = 1;
  const auto another = openLog(shard, bell_);
  ASSERT_TRUE(another);
  EXPECT_NE(one->state().identity, another->state().identity);
}

TEST_F(NatsLogTest, AServerThatComesBackIsFoundByItself) {
  const auto log = openLog(servers_.options(), bell_);
  ASSERT_TRUE(log);
  Notes notes;
  log->follow(1);
  log->append(record(0));
  ASSERT_TRUE(until(*log, notes, [&] { return notes.records.size() == 1; }));
  servers_.kill(0);
  ASSERT_TRUE(until(*log, notes, [&] { return !log->state().connected; }));
  EXPECT_NE(log->state().reason, "");
  servers_.start(0);
  ASSERT_TRUE(until(*log, notes, [&] { return log->state().connected; }));
  // An append may be refused until the stream is up again.
  AppendId last = 0;
  ASSERT_TRUE(until(*log, notes, [&] {
    if (last == 0 || notes.unknown.contains(last)) last = log->append(record(1));
    return notes.appended.contains(last);
  }));
  ASSERT_TRUE(until(*log, notes, [&] { return notes.records.size() >= 2; }));
  EXPECT_EQ(notes.records[1].first, 2u);
  EXPECT_EQ(notes.records[1].second, record(1));
  EXPECT_EQ(notes.lost, "");
}

TEST_F(NatsLogTest, AStreamThatWasMadeAnewIsAnotherLogAndTakesNothing) {
  const auto log = openLog(servers_.options(), bell_);
  ASSERT_TRUE(log);
  Notes notes;
  log->append(record(0));
  log->follow(1);
  ASSERT_TRUE(until(*log, notes, [&] { return notes.records.size() == 1; }));
  Administrator(servers_.options()).remove();
  const auto anew = openLog(servers_.options(), bell_);
  ASSERT_TRUE(anew);
  EXPECT_NE(anew->state().identity, log->state().identity);
  const AppendId late = log->append(record(1));
  ASSERT_TRUE(until(*log, notes, [&] { return !notes.lost.empty(); }));
  EXPECT_NE(notes.lost.find("HF-test-0"), std::string::npos) << notes.lost;
  EXPECT_FALSE(notes.appended.contains(late));
  Notes other;
  const AppendId first = anew->append(record(2));
  ASSERT_TRUE(until(*anew, other, [&] { return other.appended.contains(first); }));
  EXPECT_EQ(other.appended[first], 1u) << "the former log's record is not in it";
}

TEST_F(NatsLogTest, AReaderNoticesThatWhatItWantsIsGone) {
  NatsOptions small = servers_.options();
  small.bytesMax = uint64_t{1} << 20;
  const auto log = openLog(small, bell_);
  ASSERT_TRUE(log);
  Notes notes;
  constexpr size_t kRecords = 40;
  for (size_t i = 0; i < kRecords; ++i) log->append(record(i, 100'000));
  ASSERT_TRUE(until(*log, notes, [&] { return notes.appended.size() == kRecords; }));
  log->follow(1);
  ASSERT_TRUE(until(*log, notes, [&] { return !notes.lost.empty(); }));
  EXPECT_NE(notes.lost.find("begins with"), std::string::npos) << notes.lost;
  EXPECT_TRUE(notes.records.empty()) << "nothing is skipped in silence";

  const auto other = openLog(small, bell_);
  Notes fetching;
  other->fetch(1);
  ASSERT_TRUE(until(*other, fetching, [&] { return !fetching.lost.empty(); }));
  EXPECT_NE(fetching.lost.find("record 1 is needed"), std::string::npos) << fetching.lost;
}

TEST_F(NatsLogTest, AReaderThatIsAheadOfTheStreamNoticesIt) {
  const auto log = openLog(servers_.options(), bell_);
  ASSERT_TRUE(log);
  Notes notes;
  log->append(record(0));
  ASSERT_TRUE(until(*log, notes, [&] { return notes.appended.size() == 1; }));
  log->follow(5);
  ASSERT_TRUE(until(*log, notes, [&] { return !notes.lost.empty(); }));
  EXPECT_NE(notes.lost.find("ends with 1"), std::string::npos) << notes.lost;
}

TEST_F(NatsLogTest, AStreamThatCouldLoseRecordsIsRefused) {
  ASSERT_TRUE(openLog(servers_.options(), bell_));
  Administrator administrator(servers_.options());
  administrator.remove();
  administrator.make("hf.test.0.abc", false);
  EXPECT_NE(whyNot(servers_.options()).find("--deny-delete"), std::string::npos)
      << whyNot(servers_.options());
  administrator.remove();
  administrator.make("hf.test.0.abc", true);
  EXPECT_EQ(whyNot(servers_.options()), "");
  NatsOptions three = servers_.options();
  three.replicas = 3;
  EXPECT_NE(whyNot(three).find("has 1 replicas instead of 3"), std::string::npos) << whyNot(three);
  administrator.remove();
  administrator.make("somebody.elses", true);
  EXPECT_NE(whyNot(servers_.options()).find("is not one that a controller has made"),
            std::string::npos)
      << whyNot(servers_.options());
}

TEST(NatsLogErrorsTest, ServersThatTakeNoLargestRecordAreRefused) {
  NatsServers servers(1, "max_payload: 65536");
  Bell bell;
  std::string why;
  EXPECT_TRUE(bell.until(
      [&] {
        const auto log = NatsLog::open(servers.options());
        why = log.ok() ? "opened" : log.error().message;
      },
      [&] { return why == "opened" || why.find("max_payload") != std::string::npos; }))
      << why;
  EXPECT_NE(why.find("at most 65536 bytes"), std::string::npos) << why;
}

// Opens a log that one server with 1 GB cannot have, until the error names `part`.
void expectToHear(const std::string& part, uint32_t replicas, uint64_t bytesMax) {
  NatsServers servers(1);
  NatsOptions options = servers.options();
  options.replicas = replicas;
  options.bytesMax = bytesMax;
  Bell bell;
  std::string why;
  EXPECT_TRUE(bell.until(
      [&] {
        const auto log = NatsLog::open(options);
        why = log.ok() ? "opened" : log.error().message;
      },
      [&] { return why == "opened" || why.find(part) != std::string::npos; }))
      << why;
  EXPECT_EQ(why.find(".c:"), std::string::npos) << "a place in the library's sources: " << why;
}

TEST(NatsLogErrorsTest, ServersThatCannotHoldTheLogSayWhatToChange) {
  expectToHear("--nats-replicas 1", 3, uint64_t{64} << 20);
  expectToHear("2048 MiB (--nats-size)", 1, uint64_t{2} << 30);
}

TEST(NatsLogErrorsTest, SayWhatIsWrong) {
  NatsOptions options;
  const auto whyNot = [&] {
    const auto log = NatsLog::open(options);
    return log.ok() ? "" : log.error().message;
  };
  EXPECT_NE(whyNot().find("no server"), std::string::npos);
  options.servers = {"nats://127.0.0.1:1"};
  EXPECT_NE(whyNot().find("127.0.0.1:1"), std::string::npos) << whyNot();
  options.cluster = "a.b";
  EXPECT_NE(whyNot().find("'a.b'"), std::string::npos) << whyNot();
  options.cluster = "test";
  options.replicas = 6;
  EXPECT_NE(whyNot().find("not 6"), std::string::npos) << whyNot();
  options.replicas = 3;
  options.caFile = "/nowhere/ca.pem";
  EXPECT_NE(whyNot().find("/nowhere/ca.pem"), std::string::npos) << whyNot();
  options.caFile.clear();
  options.certificateFile = "/nowhere/cert.pem";
  EXPECT_NE(whyNot().find("needs its key"), std::string::npos) << whyNot();
  options.certificateFile.clear();
  options.user = "holdfast";
  options.credentialsFile = "/nowhere/creds";
  EXPECT_NE(whyNot().find("cannot both"), std::string::npos) << whyNot();
}

TEST(NatsLogSecurityTest, AUserNeedsItsPassword) {
  NatsServers servers(1, "authorization { users: [ { user: holdfast, password: secret } ] }");
  Bell bell;
  NatsOptions options = servers.options();
  options.user = "holdfast";
  options.password = "secret";
  ASSERT_TRUE(openLog(options, bell));
  options.password = "wrong";
  const auto log = NatsLog::open(options);
  ASSERT_FALSE(log.ok());
  EXPECT_EQ(log.error().code, ErrorCode::kDenied) << log.error().message;
}

TEST(NatsLogSecurityTest, TlsIsBelievedOnlyWhereTheAuthorityIsKnown) {
  const Scratch scratch;
  const Authority authority(scratch.path(), "ca");
  const Authority other(scratch.path(), "other");
  const CertificateFiles files = authority.issue("localhost");
  NatsServers servers(
      1, "tls { cert_file: \"" + files.certificate + "\", key_file: \"" + files.key + "\" }");
  Bell bell;
  NatsOptions options = servers.options();
  for (std::string& server : options.servers) {
    server.replace(server.find("127.0.0.1"), std::string("127.0.0.1").size(), "localhost");
  }
  options.tls = true;
  options.caFile = authority.file();
  ASSERT_TRUE(openLog(options, bell));
  options.caFile = other.file();
  const auto log = NatsLog::open(options);
  ASSERT_FALSE(log.ok());
  EXPECT_NE(log.error().message.find("localhost"), std::string::npos) << log.error().message;
}

}  // namespace
}  // namespace holdfast::test
