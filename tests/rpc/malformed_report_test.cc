// Reports that no honest client sends: an error, nothing changed, this session is broken.

#include "core/notice.h"
#include "server_fixture.h"

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::StartsWith;

class MalformedReport : public ServerTest {
 protected:
  MalformedReport() : peer_(connect()), session_(registerWorker(*peer_, registration())) {
    report(session_, "gpu", kIncarnation, 1, {1, 2, 3}).wait(io.waitScope);
    settle();
  }
  ~MalformedReport() noexcept override = default;
  // The error that the session's later calls have.
  std::string errorAfter(kj::Promise<void> sent) {
    sent.catch_([](kj::Exception&&) {}).wait(io.waitScope);
    settle();
    EXPECT_EQ(location("llama", 0, "gpu").lastSeq, 3u);
    EXPECT_EQ(location("llama", 0, "gpu").count, 3u);
    return errorOf(session_.heartbeatRequest().send());
  }

  std::unique_ptr<Peer> peer_;
  schema::WorkerSession::Client session_;
};

TEST_F(MalformedReport, SeqZero) {
  EXPECT_THAT(errorAfter(report(session_, "gpu", kIncarnation, 0, {4})),
              HasSubstr("invalid: malformed report: sequence numbers count from 1"));
  EXPECT_THAT(notices.last<notice::WorkerLost>().detail, HasSubstr("malformed report"));
}

TEST_F(MalformedReport, EndsTheSessionWithOneClearErrorAndTheWorkerMayComeBack) {
  EXPECT_THAT(errorAfter(report(session_, "gpu", kIncarnation, 0, {4})),
              HasSubstr("this session has ended, register again"));
  EXPECT_EQ(registry.tree().findWorker("llama", 0)->record.state, WorkerState::kLost);
  const auto lost = notices.last<notice::WorkerLost>();
  EXPECT_EQ(lost.worker.instance, "llama");
  EXPECT_EQ(lost.worker.worker, 0u);
  EXPECT_EQ(lost.cause, notice::LostCause::kBrokeProtocol);
  EXPECT_THAT(lost.detail, StartsWith("it sent a malformed report: sequence"));
  const size_t said = notices.all.size();
  report(session_, "gpu", kIncarnation, 0, {4}).catch_([](kj::Exception&&) {}).wait(io.waitScope);
  settle();
  EXPECT_EQ(notices.all.size(), said);
  Registration again = registration();
  again.attempt = 2;
  again.locations[0].lastSeq = 3;
  auto session = registerWorker(*peer_, again);
  report(session, "gpu", kIncarnation, 4, {4}).wait(io.waitScope);
  EXPECT_THAT(lookup(*peer_, {4}), ElementsAre(Pair("llama", 1)));
  await(session.heartbeatRequest().send());
}

TEST_F(MalformedReport, CannotBeDecoded) {
  auto request = session_.reportRequest();
  auto message = request.initMessage();
  message.setLocation("gpu");
  // A struct where the list of keys belongs.
  capnp::AnyStruct::Builder(capnp::toAny(message))
      .getPointerSection()[1]
      .initAs<schema::LocationStatement>()
      .setLastSeq(1);
  EXPECT_THAT(errorAfter(request.send()),
              HasSubstr("invalid: malformed report: it cannot be decoded; this session has ended"));
}

TEST_F(MalformedReport, OrBatchOfAFullSync) {
  auto start = session_.fullSyncStartRequest();
  auto sync = start.initMessage();
  sync.setLocation("gpu");
  sync.setIncarnation(kIncarnation);
  sync.setSyncId(5);
  sync.setTotalKeys(1);
  sync.setBatchCount(1);
  sync.setBaseSeq(3);
  sync.setLastSeq(3);
  ASSERT_TRUE(await(start.send()).getAnswer().getAccepted());
  auto batch = session_.fullSyncBatchRequest();
  auto keys = batch.initMessage();
  keys.setLocation("gpu");
  keys.setIncarnation(kIncarnation);
  keys.setSyncId(5);
  keys.setBatchId(1);
  keys.initKeys(1);
  EXPECT_THAT(errorAfter(batch.send()), HasSubstr("invalid: malformed batch of a full sync: "));
  EXPECT_THAT(notices.last<notice::WorkerLost>().detail, StartsWith("it sent a malformed batch"));
}

TEST_F(MalformedReport, SeqWrapsAround) {
  EXPECT_THAT(errorAfter(report(session_, "gpu", kIncarnation, UINT64_MAX, {4, 5})),
              HasSubstr("invalid: "));
}

TEST_F(MalformedReport, NoOperations) {
  EXPECT_THAT(errorAfter(report(session_, "gpu", kIncarnation, 4, {})),
              HasSubstr("at least one operation"));
}

TEST_F(MalformedReport, TooManyOperations) {
  EXPECT_THAT(
      errorAfter(report(session_, "gpu", kIncarnation, 4, std::vector<uint64_t>(65'537, 9))),
      HasSubstr("at most 65536 operations, not 65537"));
}

TEST_F(MalformedReport, TooFewEvictBits) {
  EXPECT_THAT(
      errorAfter(report(session_, "gpu", kIncarnation, 4, std::vector<uint64_t>(9, 9), {1})),
      HasSubstr("1 bytes of evict bits"));
}

TEST_F(MalformedReport, DoesNotTouchOtherSessions) {
  auto other = registerWorker(*peer_, registration("llama", 1));
  errorAfter(report(session_, "gpu", kIncarnation, 0, {4}));
  report(other, "gpu", kIncarnation, 1, {50}).wait(io.waitScope);
  EXPECT_THAT(lookup(*peer_, {50}), ElementsAre(Pair("llama", 1)));
}

}  // namespace
}  // namespace holdfast::test
