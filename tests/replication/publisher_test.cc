// The publisher step by step. Random ones are in publisher_model_test.cc.
#include "replication/publisher.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "replication/records.h"

namespace holdfast::replication {
namespace {

// Keeps what is appended and asked for; the test answers.
class HandLog final : public Log {
 public:
  AppendId append(std::string_view bytes) override {
    appended.emplace_back(appended.size() + 1, bytes);
    return appended.size();
  }
  void fetch(LogSequence sequence) override { asked.push_back(sequence); }
  void follow(LogSequence) override {}
  LogState state() const override { return {}; }
  void poll(LogListener&) override {}

  std::vector<std::pair<AppendId, std::string>> appended;
  std::vector<LogSequence> asked;
};

class PublisherTest : public testing::Test {
 protected:
  // One frame; the number of its append.
  size_t publish(const std::string& body = "x") {
    const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(body.data()),
                                         body.size());
    publisher_.publish(encodeFrames(bytes, publisher_.next(), 0), now_);
    return log_.appended.size() - 1;
  }
  void acknowledge(size_t append, LogSequence sequence) {
    publisher_.onAppended(log_.appended.at(append).first, sequence, now_);
  }
  void refuse(size_t append, const std::string& why) {
    publisher_.onAppendUnknown(log_.appended.at(append).first, {ErrorCode::kUnavailable, why},
                               now_);
  }
  std::vector<uint64_t> confirmed() {
    std::vector<uint64_t> indexes;
    for (const LogPosition& position : publisher_.takeConfirmed()) {
      indexes.push_back(position.at.index);
    }
    return indexes;
  }
  uint64_t indexOf(size_t append) {
    return headOf(*RecordDecoder().decode(log_.appended.at(append).second)).at.index;
  }
  using Indexes = std::vector<uint64_t>;

  HandLog log_;
  uint64_t now_ = 1'000'000;
  Publisher publisher_{
      log_, {{4, 10}, 100}, {.windowBytes = 4096, .windowRecords = 4, .silenceMsMax = 1000}};
};

TEST_F(PublisherTest, ReadsWhatIsAcknowledgedInARowWithoutFetching) {
  for (size_t i = 0; i < 3; ++i) publish();
  acknowledge(0, 101);
  EXPECT_EQ(confirmed(), Indexes({11}));
  acknowledge(2, 103);
  EXPECT_EQ(confirmed(), Indexes({})) << "what is before it is not known";
  EXPECT_EQ(log_.asked, std::vector<LogSequence>({102}));
  acknowledge(1, 102);
  EXPECT_EQ(confirmed(), Indexes({12, 13}));
  EXPECT_EQ(publisher_.read(), (LogPosition{{4, 13}, 103}));
  EXPECT_EQ(publisher_.underWay(), 0u);
  EXPECT_EQ(publisher_.repeated(), 0u);
  EXPECT_EQ(publisher_.ledMs(), now_);
}

TEST_F(PublisherTest, ATakeOverInAHoleDeposesAndNothingBehindItIsConfirmed) {
  for (size_t i = 0; i < 3; ++i) publish();
  acknowledge(0, 101);
  // Sequence 102 is foreign; the others are in the log, and acknowledged.
  acknowledge(1, 103);
  acknowledge(2, 104);
  publisher_.onFetched(
      102, encodeRecord(TakeOver{.base = {4, 11}, .node = "b", .nonce = 7, .address = "b:1"}),
      now_);
  EXPECT_EQ(confirmed(), Indexes({11}));
  ASSERT_TRUE(publisher_.deposed());
  EXPECT_EQ(publisher_.deposedBy().address, "b:1");
  publish();
  EXPECT_EQ(log_.appended.size(), 3u) << "it publishes nothing any more";
}

TEST_F(PublisherTest, ATakeOverThatCameTooLateIsVoid) {
  publish();
  publish();
  acknowledge(0, 101);
  acknowledge(1, 103);
  publisher_.onFetched(102, encodeRecord(TakeOver{.base = {4, 10}, .node = "b"}), now_);
  EXPECT_EQ(confirmed(), Indexes({11, 12}));
  EXPECT_FALSE(publisher_.deposed());
}

TEST_F(PublisherTest, WhatIsLostIsAppendedAgainWithAllThatIsVoidForIt) {
  for (size_t i = 0; i < 3; ++i) publish();
  acknowledge(1, 101);  // frame 12, before 11: void
  ASSERT_EQ(log_.appended.size(), 5u);
  EXPECT_EQ(indexOf(3), 11u);
  EXPECT_EQ(indexOf(4), 12u);
  acknowledge(2, 102);  // void as well
  ASSERT_EQ(log_.appended.size(), 6u);
  EXPECT_EQ(indexOf(5), 13u);
  for (size_t i = 3; i < 6; ++i) acknowledge(i, 100 + i);
  EXPECT_EQ(confirmed(), Indexes({11, 12, 13}));
  EXPECT_EQ(publisher_.repeated(), 3u);
}

TEST_F(PublisherTest, AfterASilenceTheFirstIsAppendedAgainAndTellsOfTheOthers) {
  for (size_t i = 0; i < 3; ++i) publish();
  now_ += 999;
  publisher_.tick(now_);
  EXPECT_EQ(log_.appended.size(), 3u);
  now_ += 1;
  publisher_.tick(now_);
  ASSERT_EQ(log_.appended.size(), 4u);
  EXPECT_EQ(indexOf(3), 11u);
  acknowledge(3, 101);
  ASSERT_EQ(log_.appended.size(), 6u) << "12 and 13 cannot be in the log before it";
  acknowledge(4, 102);
  acknowledge(5, 103);
  EXPECT_EQ(confirmed(), Indexes({11, 12, 13}));
}

TEST_F(PublisherTest, LostAcknowledgementsAreMadeUpByFetching) {
  for (size_t i = 0; i < 3; ++i) publish();
  acknowledge(2, 103);
  for (size_t i = 0; i < 2; ++i) {
    ASSERT_EQ(log_.asked.size(), i + 1);
    publisher_.onFetched(log_.asked.back(), log_.appended.at(i).second, now_);
  }
  EXPECT_EQ(confirmed(), Indexes({11, 12, 13}));
  EXPECT_EQ(publisher_.repeated(), 0u);
}

TEST_F(PublisherTest, AFetchWithoutAnAnswerIsMadeAgain) {
  publish();
  publish();
  acknowledge(1, 102);
  ASSERT_EQ(log_.asked.size(), 1u);
  now_ += 1000;
  publisher_.tick(now_);
  EXPECT_EQ(log_.asked, std::vector<LogSequence>({101, 101}));
}

TEST_F(PublisherTest, ABeatTellsWhatIsMissing) {
  publish();
  publisher_.announce(encodeRecord(Beat{4, 0}));
  acknowledge(1, 101);
  ASSERT_EQ(log_.appended.size(), 3u);
  EXPECT_EQ(indexOf(2), 11u);
  acknowledge(2, 102);
  EXPECT_EQ(confirmed(), Indexes({11}));
}

TEST_F(PublisherTest, ASequenceThatWasThereBeforeMeansAnotherLog) {
  publish();
  acknowledge(0, 101);
  publish();
  acknowledge(1, 101);
  ASSERT_TRUE(publisher_.failure());
  EXPECT_NE(publisher_.failure()->message.find("sequence 101"), std::string::npos);
  EXPECT_EQ(confirmed(), Indexes({11}));
}

TEST_F(PublisherTest, AFrameOfThisEpochThatIsNotItsOwnEndsIt) {
  publish();
  publish();
  acknowledge(1, 102);
  const uint8_t other[] = {1};
  publisher_.onFetched(101, encodeFrames(other, {4, 11}, 0).front(), now_);
  EXPECT_TRUE(publisher_.failure());
  EXPECT_EQ(confirmed(), Indexes({}));
}

// The engine's copies differ: another one leads by what this one was never told.
TEST_F(PublisherTest, ABeatOfALaterEpochEndsIt) {
  publish();
  publish();
  acknowledge(1, 102);
  publisher_.onFetched(101, encodeRecord(Beat{.epoch = 5}), now_);
  ASSERT_TRUE(publisher_.failure());
  EXPECT_NE(publisher_.failure()->message.find("copies differ"), std::string::npos);
  EXPECT_EQ(confirmed(), Indexes({}));
}

TEST_F(PublisherTest, RecordsThatAreNoneAreVoid) {
  publish();
  acknowledge(0, 103);
  publisher_.onFetched(101, "what is this?", now_);
  publisher_.onFetched(102, "", now_);
  EXPECT_EQ(confirmed(), Indexes({11}));
}

TEST_F(PublisherTest, TheWindowIsBoundedAndTakesOneOfAnySize) {
  EXPECT_TRUE(publisher_.hasRoom(1 << 20));
  publish();
  EXPECT_FALSE(publisher_.hasRoom(4096));
  EXPECT_TRUE(publisher_.hasRoom(100));
  for (size_t i = 0; i < 3; ++i) publish();
  EXPECT_FALSE(publisher_.hasRoom(1)) << "four records are under way";
  acknowledge(0, 101);
  EXPECT_TRUE(publisher_.hasRoom(1));
}

// Whatever is wrong may last, and megabytes are not sent for nothing all the time.
TEST_F(PublisherTest, WhatTheEngineRefusesIsTriedAgainNowAndThenWithTheFirstAlone) {
  for (size_t i = 0; i < 3; ++i) publish();
  for (size_t i = 0; i < 3; ++i) refuse(i, "no stream");
  EXPECT_EQ(publisher_.refusal(), "no stream");
  for (int i = 0; i < 50; ++i) {
    const size_t before = log_.appended.size();
    now_ += 20;
    publisher_.tick(now_);
    if (log_.appended.size() == before) continue;
    ASSERT_EQ(log_.appended.size(), before + 1);
    EXPECT_EQ(indexOf(before), 11u);
    refuse(before, "no stream");
  }
  EXPECT_GE(log_.appended.size(), 3u + 5);
  EXPECT_LE(log_.appended.size(), 3u + 10);
  EXPECT_EQ(publisher_.waitingSinceMs(), now_ - 1000);
  const size_t fourth = publish();
  EXPECT_LT(fourth, log_.appended.size());
  EXPECT_LT(indexOf(fourth), 14u) << "what is new waits as well";
  now_ += 200;
  publisher_.tick(now_);
  // It is taken: so are the others, at once.
  const size_t taken = log_.appended.size() - 1;
  acknowledge(taken, 101);
  ASSERT_EQ(log_.appended.size(), taken + 4);
  for (size_t i = 1; i < 4; ++i) acknowledge(taken + i, 101 + i);
  EXPECT_EQ(confirmed(), Indexes({11, 12, 13, 14}));
  EXPECT_EQ(publisher_.refusal(), "");
  EXPECT_FALSE(publisher_.waitingSinceMs());
}

// A record that is too large for the engine, say.
TEST_F(PublisherTest, ThatOthersAreTakenDoesNotHurryTheRefused) {
  publish();
  publish();
  refuse(0, "too large");
  acknowledge(1, 101);  // void
  publisher_.announce(encodeRecord(Beat{4, 0}));
  acknowledge(2, 102);
  EXPECT_EQ(log_.appended.size(), 3u);
  EXPECT_EQ(publisher_.refusal(), "too large");
  EXPECT_EQ(publisher_.ledMs(), now_);
  now_ += 150;
  publisher_.tick(now_);
  ASSERT_EQ(log_.appended.size(), 4u);
  EXPECT_EQ(indexOf(3), 11u);
}

// A take-over may stand before what was acknowledged.
TEST_F(PublisherTest, AnAcknowledgementBehindAHoleDoesNotSayThatItLed) {
  publish();
  publish();
  acknowledge(0, 101);
  const uint64_t before = now_;
  now_ += 50;
  acknowledge(1, 103);
  EXPECT_EQ(publisher_.ledMs(), before);
  publisher_.onFetched(102, "foreign", now_ + 7);
  EXPECT_EQ(publisher_.ledMs(), now_) << "since when that is known";
}

// Where acknowledgements take longer than a beat lasts.
TEST_F(PublisherTest, SeveralBeatsMayBeUnderWay) {
  for (int i = 0; i < 3; ++i) publisher_.announce(encodeRecord(Beat{4, 0}));
  for (size_t i = 0; i < 3; ++i) acknowledge(i, 101 + i);
  EXPECT_TRUE(log_.asked.empty());
  EXPECT_EQ(publisher_.read().sequence, 103u);
}

}  // namespace
}  // namespace holdfast::replication
