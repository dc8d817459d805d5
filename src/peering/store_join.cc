#include "peering/store_join.h"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include "core/notice.h"
#include "wire/errors.h"
#include "wire/text.h"

namespace holdfast::peering {
namespace {

// One that does not answer is not waited for.
constexpr kj::Duration kAskTime = 5 * kj::SECONDS;
// A copy is made beside all that the other one does, and checksums that it does not know are read.
constexpr kj::Duration kMakeTime = 30 * kj::MINUTES;
constexpr kj::Duration kReadTime = 30 * kj::SECONDS;
constexpr kj::Duration kTellEvery = 1 * kj::SECONDS;
// Of one read, a fraction of a millisecond for the loop of the other one; and reads under way.
constexpr uint32_t kPieceBytes = 256 << 10;
constexpr size_t kPiecesMax = 8;

// Smaller is better; nothing: it has no copy to give.
std::optional<size_t> rankOf(const ReplicaStatus& replica) {
  // The leader has the most to do. Who is cut off, or wants to lead, may be replaced, and its store
  // is a prefix of the log all the same.
  constexpr std::array<std::string_view, 4> kOrder = {"follower", "leader", "candidate", "cutOff"};
  const auto found = std::find(kOrder.begin(), kOrder.end(), replica.role);
  if (found == kOrder.end()) return std::nullopt;
  return static_cast<size_t>(found - kOrder.begin());
}

// A token may be let in at any time, but not by waiting.
bool refuses(ErrorCode code) {
  return code == ErrorCode::kUnauthenticated || code == ErrorCode::kDenied ||
         code == ErrorCode::kRefused;
}

double secondsOf(kj::Duration duration) {
  return static_cast<double>(duration / kj::MILLISECONDS) / 1e3;
}

}  // namespace

// A copy on its way.
struct StoreJoin::Transfer {
  Transfer(Peer& from, schema::StoreCopy::Client its, kj::TimePoint now)
      : peer(from), copy(kj::mv(its)), began(now), told(now) {}

  Peer& peer;
  schema::StoreCopy::Client copy;
  kj::TimePoint began;
  kj::TimePoint told;
  CopyManifest manifest;
  size_t files = 0;  // that there will be in it
  uint64_t bytesTotal = 0;
  uint64_t bytesDone = 0;
  size_t file = 0;  // what is asked for next
  uint64_t offset = 0;
  struct Piece {
    uint32_t length;
    kj::Promise<capnp::Response<schema::StoreCopy::ReadResults>> data;
  };
  std::deque<Piece> underWay;
};

StoreJoin::StoreJoin(kj::Network& network, kj::Timer& timer, IncomingCopy& into,
                     StoreJoinOptions options, NoticeSink& notices,
                     std::function<void(const JoinProgress&)> progress)
    : network_(network),
      timer_(timer),
      into_(into),
      options_(std::move(options)),
      notices_(notices),
      progress_(std::move(progress)) {}

StoreJoin::~StoreJoin() noexcept = default;

kj::Promise<JoinOutcome> StoreJoin::attempt() {
  transfer_ = nullptr;
  candidates_.clear();
  peers_.clear();
  disk_.reset();
  refusals_ = 0;
  why_.clear();
  kj::Vector<kj::Promise<void>> asked;
  for (const std::string& address : options_.controllers) {
    peers_.push_back(std::make_unique<Peer>(network_, options_.security, address));
    asked.add(ask(*peers_.back()));
  }
  return kj::joinPromises(asked.releaseAsArray()).then([this]() {
    for (const auto& peer : peers_) {
      if (rankOf(peer->replica())) candidates_.push_back(peer.get());
    }
    std::stable_sort(candidates_.begin(), candidates_.end(), [](const Peer* a, const Peer* b) {
      return *rankOf(a->replica()) < *rankOf(b->replica());
    });
    return copyFrom(0);
  });
}

kj::Promise<void> StoreJoin::ask(Peer& peer) {
  return timer_.timeoutAfter(kAskTime, peer.open())
      .then(
          [this, &peer]() {
            if (rankOf(peer.replica())) return;
            const bool alone = peer.replica().role == "alone";
            failed(peer.address(),
                   {alone ? ErrorCode::kRefused : ErrorCode::kUnavailable,
                    alone ? "it is of no group (it is started without --replicate-nats)"
                          : "it is " + peer.replica().role + " and has nothing to give yet"});
          },
          [this, &peer](kj::Exception&& e) { failed(peer.address(), peer.explain(e)); });
}

kj::Promise<JoinOutcome> StoreJoin::copyFrom(size_t candidate) {
  if (candidate == candidates_.size()) return outcome();
  Peer& peer = *candidates_[candidate];
  return kj::evalNow([&]() { return copy(peer); })
      .then(
          []() -> kj::Promise<JoinOutcome> {
            return JoinOutcome{JoinOutcome::Kind::kJoined, {}};
          },
          [this, &peer, candidate](kj::Exception&& e) -> kj::Promise<JoinOutcome> {
            const bool came = transfer_ != nullptr;
            transfer_ = nullptr;
            if (disk_) return JoinOutcome{JoinOutcome::Kind::kDisk, disk_->message};
            const Error why = peer.explain(e);
            failed(peer.address(), why);
            // What is only not given is said by who asks again.
            if (came) notices_.notice(notice::JoinFailed{peer.address(), why.message});
            return copyFrom(candidate + 1);
          });
}

kj::Promise<void> StoreJoin::copy(Peer& peer) {
  auto granted = peer.operators();
  if (!granted.ok()) return wireError(granted.error());
  return timer_
      .timeoutAfter(kMakeTime, granted.value().copyRequest().send().then(
                                   [](auto&& made) { return kj::heap(kj::mv(made)); }))
      .then([this, &peer](auto&& made) -> kj::Promise<void> {
        const auto answer = made->getAnswer();
        if (answer.getFormat() > options_.formatMax) {
          return wireError(
              {ErrorCode::kRefused, "its store has format " + std::to_string(answer.getFormat()) +
                                        ", this program has " + std::to_string(options_.formatMax) +
                                        ": upgrade this controller"});
        }
        transfer_ = std::make_unique<Transfer>(peer, made->getCopy(), timer_.now());
        Transfer& transfer = *transfer_;
        transfer.manifest = {.clusterId = stringOf(answer.getClusterId()),
                             .format = answer.getFormat(),
                             .sequence = answer.getSequence(),
                             .madeWallMs = answer.getMadeWallMs(),
                             .registryDigest = stringOf(answer.getRegistryDigest()),
                             .files = {}};
        transfer.files = answer.getFiles();
        transfer.bytesTotal = answer.getBytes();
        return list(transfer);
      })
      .then([this]() {
        auto wrong = into_.begin(transfer_->manifest);
        if (wrong && wrong->code == ErrorCode::kUnavailable) disk_ = wrong;
        if (wrong) kj::throwFatalException(wireError(*wrong));
        return read(*transfer_);
      })
      .then([this]() {
        disk_ = into_.finish();
        if (disk_) kj::throwFatalException(wireError(*disk_));
        const Transfer& done = *transfer_;
        notices_.notice(
            notice::Joined{done.peer.address(), done.manifest.files.size(), done.bytesDone,
                           static_cast<uint64_t>((timer_.now() - done.began) / kj::MILLISECONDS),
                           done.manifest.sequence});
      });
}

kj::Promise<void> StoreJoin::list(Transfer& transfer) {
  auto& files = transfer.manifest.files;
  if (files.size() >= transfer.files) return kj::READY_NOW;
  auto request = transfer.copy.filesRequest();
  request.setFirst(static_cast<uint32_t>(files.size()));
  return timer_
      .timeoutAfter(kReadTime, request.send().then([&files](auto&& answer) {
        for (const auto file : answer.getFiles()) {
          files.push_back(
              {stringOf(file.getName()), file.getBytes(), stringOf(file.getChecksum())});
        }
        return answer.getFiles().size() > 0;
      }))
      .then([this, &transfer](bool more) -> kj::Promise<void> {
        if (more) return list(transfer);
        return wireError({ErrorCode::kInvalid, "it lists fewer files than its copy has"});
      });
}

kj::Promise<void> StoreJoin::read(Transfer& transfer) {
  send(transfer);
  if (transfer.underWay.empty()) return kj::READY_NOW;
  Transfer::Piece next = kj::mv(transfer.underWay.front());
  transfer.underWay.pop_front();
  return timer_
      .timeoutAfter(kReadTime, next.data.then([this, &transfer, length = next.length](auto&& got) {
        if (got.getData().size() != length) {
          kj::throwFatalException(wireError({ErrorCode::kInvalid, "it answers a read with less"}));
        }
        take(transfer, got.getData());
      }))
      .then([this, &transfer]() { return read(transfer); });
}

// Asks for what comes next, until enough is under way.
void StoreJoin::send(Transfer& transfer) {
  const auto& files = transfer.manifest.files;
  while (transfer.underWay.size() < kPiecesMax && transfer.file < files.size()) {
    const uint64_t rest = files[transfer.file].bytes - transfer.offset;
    if (rest == 0) {
      ++transfer.file;
      transfer.offset = 0;
      continue;
    }
    const auto length = static_cast<uint32_t>(std::min<uint64_t>(rest, kPieceBytes));
    auto request = transfer.copy.readRequest();
    request.setFile(static_cast<uint32_t>(transfer.file));
    request.setOffset(transfer.offset);
    request.setLength(length);
    transfer.underWay.push_back({length, request.send()});
    transfer.offset += length;
  }
}

void StoreJoin::take(Transfer& transfer, kj::ArrayPtr<const kj::byte> data) {
  const auto wrong = into_.add(reinterpret_cast<const char*>(data.begin()), data.size());
  if (wrong && wrong->code == ErrorCode::kUnavailable) disk_ = wrong;
  if (wrong) kj::throwFatalException(wireError(*wrong));
  transfer.bytesDone += data.size();
  if (timer_.now() - transfer.told < kTellEvery) return;
  transfer.told = timer_.now();
  tell(transfer);
}

void StoreJoin::tell(const Transfer& transfer) {
  JoinProgress progress{.from = transfer.peer.address(),
                        .bytesDone = transfer.bytesDone,
                        .bytesTotal = transfer.bytesTotal,
                        .seconds = secondsOf(timer_.now() - transfer.began)};
  if (progress.seconds > 0) {
    progress.bytesPerSecond = static_cast<double>(progress.bytesDone) / progress.seconds;
  }
  if (progress.bytesPerSecond > 0 && progress.bytesTotal > progress.bytesDone) {
    progress.secondsRemaining =
        static_cast<double>(progress.bytesTotal - progress.bytesDone) / progress.bytesPerSecond;
  }
  progress_(progress);
}

void StoreJoin::failed(const std::string& address, const Error& why) {
  if (refuses(why.code)) ++refusals_;
  why_ += (why_.empty() ? "" : "; ") + address + ": " + why.message;
}

JoinOutcome StoreJoin::outcome() const {
  const bool byAll = refusals_ == options_.controllers.size();
  return {byAll ? JoinOutcome::Kind::kRefused : JoinOutcome::Kind::kLater, why_};
}

}  // namespace holdfast::peering
