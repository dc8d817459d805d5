// Random values through each message and back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <span>

#include "tests/wire/random_values.h"
#include "wire/counters.h"
#include "wire/full_sync.h"
#include "wire/lists.h"
#include "wire/operations.h"
#include "wire/registration.h"
#include "wire/reports.h"

namespace holdfast::test {
namespace {

constexpr uint64_t kSequences = 200;

// What is read of a message that `value` was written into.
template <typename Message, typename Value>
Value sent(const Value& value) {
  Arrived<Message> arrived([&](typename Message::Builder to) { write(value, to); });
  return read(arrived.get());
}
// The same of an answer with a sync's id, which is compared here.
template <typename Message, typename Value>
Value sentWithId(uint64_t syncId, const Value& value) {
  Arrived<Message> arrived([&](typename Message::Builder to) { write(syncId, value, to); });
  EXPECT_EQ(arrived.get().getSyncId(), syncId);
  return read(arrived.get());
}

template <typename T>
std::vector<T> copyOf(std::span<const T> numbers) {
  return {numbers.begin(), numbers.end()};
}

TEST(RoundTripTest, Registrations) {
  forRandomSequences(kSequences, [](Random& random) {
    RandomValues values(random);
    const Registration registration{.instance = values.text(),
                                    .worker = values.number32(),
                                    .ip = values.text(),
                                    .port = values.number32(),
                                    .peerUrl = values.text(),
                                    .model = values.text(),
                                    .worldSize = values.number32(),
                                    .run = values.number(),
                                    .attempt = values.number(),
                                    .locations = values.statements(),
                                    .labels = values.labels()};
    EXPECT_EQ(sent<schema::RegisterMsg>(registration), registration);
  });
}

TEST(RoundTripTest, AnswersToRegistrations) {
  forRandomSequences(kSequences, [](Random& random) {
    RandomValues values(random);
    RegistrationAnswer answer{.decisions = values.decisions(),
                              .hashing = {.chunkSize = values.number32(),
                                          .algorithm = values.of<HashAlgorithm>(2),
                                          .noneHash = values.number(),
                                          .saveUnfullChunk = values.flag()},
                              .hashSample = std::nullopt,
                              .heartbeatIntervalMs = values.number32(),
                              .heartbeatTimeoutMs = values.number32()};
    if (values.flag()) answer.hashSample = values.number();
    EXPECT_EQ(sent<schema::RegisterRetMsg>(answer), answer);
  });
}

TEST(RoundTripTest, Heartbeats) {
  forRandomSequences(kSequences, [](Random& random) {
    RandomValues values(random);
    const auto statements = values.statements();
    Arrived<schema::HeartbeatMsg> heartbeat([&](schema::HeartbeatMsg::Builder to) {
      write(statements, to.initLocations(listSize(statements.size())));
    });
    EXPECT_EQ(read(heartbeat.get().getLocations()), statements);
  });
}

TEST(RoundTripTest, AnswersToHeartbeats) {
  forRandomSequences(kSequences, [](Random& random) {
    RandomValues values(random);
    HeartbeatOutcome outcome;
    outcome.committed.resize(values.size(5));
    for (CommittedSeq& one : outcome.committed) {
      one = {.location = values.text(), .incarnation = values.number(), .seq = values.number()};
    }
    outcome.decisions = values.decisions();
    outcome.commands.resize(values.size(3), {values.text(), values.of<Reason>(kReasons)});
    Arrived<schema::HeartbeatRetMsg> answer(
        [&](schema::HeartbeatRetMsg::Builder to) { write(outcome, to); });
    const HeartbeatOutcome got = read(answer.get());
    EXPECT_EQ(got.committed, outcome.committed);
    EXPECT_EQ(got.decisions, outcome.decisions);
    ASSERT_EQ(answer.get().getCommands().size(), outcome.commands.size());
    for (kj::uint i = 0; i < outcome.commands.size(); ++i) {
      const auto command = answer.get().getCommands()[i];
      EXPECT_EQ(command.getLocation().cStr(), outcome.commands[i].first);
      EXPECT_EQ(command.getReason().cStr(), reasonName(outcome.commands[i].second));
    }
  });
}

TEST(RoundTripTest, Reports) {
  forRandomSequences(kSequences, [](Random& random) {
    RandomValues values(random);
    const std::string location = values.text();
    const auto keys = values.numbers<ChunkHash>(100);
    // A part of a longer bitmap, as what is left of a report is.
    const size_t offset = values.size(20);
    std::vector<uint8_t> bits(offset / 8 + keys.size() / 8 + 2);
    for (uint8_t& byte : bits) byte = static_cast<uint8_t>(random());
    const EvictBits evicts =
        values.flag() ? EvictBits{} : EvictBits{.bits = bits.data(), .offset = offset};
    const Report report{.location = location,
                        .incarnation = values.number(),
                        .firstSeq = values.number(),
                        .operations = {keys, evicts}};
    Arrived<schema::BatchedKVOperationMsg> message(
        [&](schema::BatchedKVOperationMsg::Builder to) { write(report, to); });
    std::vector<uint64_t> scratch;
    const auto got = read(message.get(), scratch);
    ASSERT_TRUE(got.ok());
    EXPECT_TRUE(scratch.empty());  // read where they lie
    EXPECT_EQ(got.value().location, location);
    EXPECT_EQ(got.value().incarnation, report.incarnation);
    EXPECT_EQ(got.value().firstSeq, report.firstSeq);
    EXPECT_EQ(copyOf(got.value().operations.keys), keys);
    for (size_t i = 0; i < keys.size(); ++i) {
      ASSERT_EQ(got.value().operations.evicts.test(i), evicts.test(i)) << i;
    }
    // The bits behind the last operation are the same whoever writes: clear.
    const auto written = message.get().getEvicts();
    if (written.size() != 0 && keys.size() % 8 != 0) {
      EXPECT_EQ(written[written.size() - 1] >> (keys.size() % 8), 0);
    }
  });
}

TEST(RoundTripTest, FullSyncStarts) {
  forRandomSequences(kSequences, [](Random& random) {
    RandomValues values(random);
    const FullSyncStart start{.location = values.text(),
                              .incarnation = values.number(),
                              .syncId = values.number(),
                              .totalKeys = values.number(),
                              .batchCount = values.number32(),
                              .baseSeq = values.number(),
                              .digest = values.digest(),
                              .lastSeq = values.number()};
    EXPECT_EQ(sent<schema::FullSyncStartMsg>(start), start);
    const FullSyncStartOutcome outcome{
        .accepted = values.flag(), .error = values.text(), .missing = values.numbers<uint32_t>(30)};
    EXPECT_EQ(sentWithId<schema::FullSyncStartRetMsg>(start.syncId, outcome), outcome);
  });
}

TEST(RoundTripTest, FullSyncBatches) {
  forRandomSequences(kSequences, [](Random& random) {
    RandomValues values(random);
    const std::string location = values.text();
    const auto keys = values.numbers<ChunkHash>(100);
    const FullSyncBatch batch{.location = location,
                              .incarnation = values.number(),
                              .syncId = values.number(),
                              .number = values.number32(),
                              .keys = keys};
    Arrived<schema::FullSyncBatchMsg> message(
        [&](schema::FullSyncBatchMsg::Builder to) { write(batch, to); });
    std::vector<uint64_t> scratch;
    const FullSyncBatch got = read(message.get(), scratch);
    EXPECT_TRUE(scratch.empty());
    EXPECT_EQ(got.location, location);
    EXPECT_EQ(got.incarnation, batch.incarnation);
    EXPECT_EQ(got.syncId, batch.syncId);
    EXPECT_EQ(got.number, batch.number);
    EXPECT_EQ(copyOf(got.keys), keys);
  });
}

TEST(RoundTripTest, FullSyncEndsAndPolls) {
  forRandomSequences(kSequences, [](Random& random) {
    RandomValues values(random);
    const FullSyncEnd end{.location = values.text(),
                          .incarnation = values.number(),
                          .syncId = values.number(),
                          .actualTotalKeys = values.number()};
    EXPECT_EQ(sent<schema::FullSyncEndMsg>(end), end);
    const FullSyncPoll poll{
        .location = values.text(), .incarnation = values.number(), .syncId = values.number()};
    EXPECT_EQ(sent<schema::FullSyncStatusMsg>(poll), poll);
    const FullSyncStatus status{.known = values.flag(),
                                .complete = values.flag(),
                                .globalProgress = static_cast<double>(values.size(100)) / 100,
                                .canExitFreeze = values.flag(),
                                .missing = values.numbers<uint32_t>(30)};
    EXPECT_EQ(sentWithId<schema::FullSyncStatusRetMsg>(end.syncId, status), status);
  });
}

TEST(RoundTripTest, Operations) {
  forRandomSequences(kSequences, [](Random& random) {
    RandomValues values(random);
    const std::string location = values.text();
    const std::string method = values.text();
    const auto chunks = values.numbers<ChunkHash>(50);
    WorkerOperation operation{.number = values.number(),
                              .kind = values.of<OperationKind>(kOperationKinds),
                              .location = location,
                              .allChunks = values.flag(),
                              .chunks = {},
                              .method = method,
                              .destination = {},
                              .copy = values.flag(),
                              .ttlSeconds = values.number()};
    if (!operation.allChunks) operation.chunks = chunks;
    if (operation.kind == OperationKind::kMove) {
      operation.destination = {.instance = values.text(),
                               .worker = values.number32(),
                               .location = values.text(),
                               .peerUrl = values.text()};
    }
    Arrived<schema::WorkerOperationMsg> message(
        [&](schema::WorkerOperationMsg::Builder to) { write(operation, to); });
    std::vector<uint64_t> scratch;
    const WorkerOperation got = read(message.get(), scratch);
    EXPECT_EQ(got.ask, WorkerOperation::Ask::kBegin);
    EXPECT_EQ(got.number, operation.number);
    EXPECT_EQ(got.kind, operation.kind);
    EXPECT_EQ(got.location, location);
    EXPECT_EQ(got.allChunks, operation.allChunks);
    EXPECT_EQ(copyOf(got.chunks), copyOf(operation.chunks));
    EXPECT_EQ(got.method, method);
    EXPECT_EQ(got.destination, operation.destination);
    EXPECT_EQ(got.copy, operation.copy);
    EXPECT_EQ(got.ttlSeconds, operation.ttlSeconds);

    const OperationOutcome outcome{.status = values.of<OperationOutcome::Status>(5),
                                   .numTokens = values.number(),
                                   .errorCode = static_cast<int32_t>(values.number32()),
                                   .error = values.text()};
    EXPECT_EQ(sent<schema::WorkerOutcomeMsg>(outcome), outcome);
  });
}

TEST(RoundTripTest, NamedCounters) {
  forRandomSequences(kSequences, [](Random& random) {
    RandomValues values(random);
    NamedCounters counters(values.size(10));
    for (auto& [name, value] : counters) {
      name = values.text();
      value = values.number();
    }
    Arrived<schema::StatusRetMsg> status([&](schema::StatusRetMsg::Builder to) {
      write(counters, to.initCounters(listSize(counters.size())));
    });
    EXPECT_EQ(read(status.get().getCounters()), counters);
  });
}

}  // namespace
}  // namespace holdfast::test
