// Longer than most: the roles of one state machine, which share what they know of the log.
#include "replication/member.h"

#include <algorithm>
#include <cstring>
#include <variant>
#include <vector>

#include "core/check.h"
#include "replication/apply.h"

namespace holdfast::replication {
namespace {

// What a follower takes in one step, about a millisecond's work; one record in any case.
constexpr size_t kTakenAtOnce = size_t{128} << 10;
// Room that its own store must have for it.
constexpr size_t kRoomBytes = size_t{16} << 20;
// A store's place in the log moves on after so many records without a write: while nobody writes
// anything the log goes on, and what is kept of it with that.
constexpr LogSequence kNoteEvery = 10'000;

constexpr const char* kFromCopy =
    "end this controller, and start it on an empty directory in place of its data directory, with "
    "--join naming other controllers of the group: it copies the store of one of them";

Error misfit(std::string what) {
  return {ErrorCode::kRefused, std::move(what) + "; " + kFromCopy};
}

uint64_t wallMsOf(const LogRecord& record) {
  return std::visit([](const auto& of) { return of.wallMs; }, record);
}

}  // namespace

Member::Member(Log& log, LoggedStore& store, Replica& replica, const Clock& clock,
               std::function<uint64_t()> random, MemberOptions options)
    : log_(log),
      store_(store),
      replica_(replica),
      clock_(clock),
      random_(std::move(random)),
      options_(std::move(options)) {}

// --- beginning ---

std::optional<Error> Member::start(bool hasContent) {
  const LogState state = log_.state();
  if (auto error = begin(hasContent, state)) return error;
  view_.log = state.identity;
  known_ = state.last;
  rule_ = LogRule({place_.epoch, place_.index});
  read_ = {rule_.at(), place_.sequence};
  delivered_ = read_.sequence;
  quietSinceMs_ = clock_.steadyMs();
  if (hasRead(known_)) role_ = ReplicaRole::kFollower;
  log_.follow(delivered_ + 1);
  return std::nullopt;
}

std::optional<Error> Member::begin(bool hasContent, const LogState& state) {
  const auto stored = store_.own().place();
  if (!stored) {
    if (hasContent && state.last != 0) {
      return misfit(
          "the store has content that is not of the group's log: it was filled by itself, or has "
          "lost something");
    }
    // The group begins with what this one has; the others must have the same.
    place_ = {state.identity, 0, 0, 0, 0};
    store_.note(place_);
    return std::nullopt;
  }
  if (stored->identity != state.identity) {
    return misfit("the store is of another log (" + stored->identity + ") than the group's (" +
                  state.identity + "), which was deleted and made anew, or is another group's");
  }
  if (stored->sequence > state.last) {
    return misfit(
        "the log ends at record " + std::to_string(state.last) + ", but the store has " +
        std::to_string(stored->sequence) +
        " of them: the log was restored, or has lost its end. Where this store is the one "
        "to go on with, begin a new group with it instead (another --cluster)");
  }
  place_ = *stored;
  return std::nullopt;
}

// --- what the log delivers ---

void Member::onRecord(LogSequence sequence, std::string_view bytes) {
  if (leads() || ended_) return;
  if (sequence != delivered_ + 1) {
    return end(misfit("record " + std::to_string(delivered_ + 1) + " of the log is followed by " +
                      std::to_string(sequence)));
  }
  delivered_ = sequence;
  waiting_.emplace_back(sequence, bytes);
}

void Member::onLogLost(const Error& why) {
  end({ErrorCode::kRefused, why.message + "; " + kFromCopy});
}

void Member::onAppended(AppendId id, LogSequence sequence) {
  if (!leads()) return;
  retired_ |= std::find(retirements_.begin(), retirements_.end(), id) != retirements_.end();
  store_.publisher().onAppended(id, sequence, clock_.steadyMs());
  noteLed();
}

void Member::onAppendUnknown(AppendId id, const Error& why) {
  if (leads()) store_.publisher().onAppendUnknown(id, why, clock_.steadyMs());
}

void Member::onFetched(LogSequence sequence, std::string_view bytes) {
  if (!leads()) return;
  store_.publisher().onFetched(sequence, bytes, clock_.steadyMs());
  noteLed();
}

uint64_t Member::systemMs() const {
  return options_.systemMs ? options_.systemMs() : clock_.steadyMs();
}

void Member::noteLed() {
  const uint64_t ledMs = store_.publisher().ledMs();
  if (ledMs == ledMs_) return;
  ledMs_ = ledMs;
  ledSystemMs_ = systemMs() - (clock_.steadyMs() - ledMs);
}

bool Member::step() {
  if (ended_) return false;
  // What waits is bounded by what one poll brings.
  if (waiting_.empty()) log_.poll(*this);
  if (leads()) {
    stepLeader();
    return false;
  }
  size_t bytes = 0;
  while (!waiting_.empty() && bytes < kTakenAtOnce && !ended_ && !leads()) {
    if (!store_.hasRoom(kRoomBytes)) {
      full_ = true;
      return false;  // tick() goes on when there is room
    }
    const auto [sequence, record] = std::move(waiting_.front());
    waiting_.pop_front();
    bytes += record.size();
    take(sequence, record);
  }
  if (ended_) return false;
  if (leads()) {
    waiting_.clear();  // the publisher fetches it
    stepLeader();
    return false;
  }
  noteProgress();
  if (role_ == ReplicaRole::kBootstrapping && hasRead(known_)) role_ = ReplicaRole::kFollower;
  return !waiting_.empty();
}

void Member::take(LogSequence sequence, std::string_view bytes) {
  read_.sequence = sequence;
  const auto record = decoder_.decode(bytes);
  if (!record) return;
  const RecordHead head = headOf(*record);
  if (rule_.isOfAnotherLog(head)) {
    return end(misfit(rule_.ofAnotherLog(sequence, head) +
                      ": the log was restored, or its servers' copies of it differ"));
  }
  if (!rule_.take(head)) return;
  read_.at = rule_.at();
  if (!validMs_ || std::holds_alternative<TakeOver>(*record)) {
    delay_.begin(clock_.wallMs(), systemMs());
  }
  validWallMs_ = wallMsOf(*record);
  validMs_ = systemMs() - std::min(systemMs(), delay_.of(validWallMs_, systemMs()));
  quietSinceMs_ = clock_.steadyMs();
  answerDueMs_.reset();
  // Somebody leads. If its own take-over is valid in spite of that, it does.
  if (role_ == ReplicaRole::kCandidate) role_ = ReplicaRole::kFollower;
  // One that says something else than that it retires goes on.
  leaderRetired_ = std::holds_alternative<Retire>(*record);
  if (const auto* takeOver = std::get_if<TakeOver>(&*record)) return take(*takeOver);
  if (const auto* frame = std::get_if<Frame>(&*record)) return take(*frame);
}

void Member::take(const TakeOver& takeOver) {
  assembler_.drop();
  view_.leader = takeOver.address;
  if (nonce_ && takeOver.nonce == *nonce_) return lead();
  nonce_.reset();
  if (auto error = cannotFollow(takeOver)) end(std::move(*error));
}

std::optional<Error> Member::cannotFollow(const TakeOver& leader) const {
  if (leader.formatMax > options_.format) {
    return Error{ErrorCode::kRefused, "node '" + leader.node + "' leads with storage format " +
                                          std::to_string(leader.formatMax) + ", this program has " +
                                          std::to_string(options_.format) +
                                          ": upgrade this controller"};
  }
  // Within a batch there is nothing to compare with.
  if (leader.digest.empty() || place_.writes != 0 || leader.digest == replica_.digest()) {
    return std::nullopt;
  }
  return misfit("what this controller holds is not what node '" + leader.node +
                "' began to lead with at " + named(leader.base));
}

void Member::take(const Frame& frame) {
  switch (assembler_.take(frame)) {
    case BatchAssembler::Taken::kPart:
      return;
    case BatchAssembler::Taken::kWhole:
      return apply();
    case BatchAssembler::Taken::kBroken:
      return end(misfit("the log has a part of a batch at " + named(frame.at) +
                        " that does not belong there"));
  }
}

void Member::apply() {
  const BatchAssembler::Batch& batch = assembler_.batch();
  std::vector<uint64_t> words((batch.body.size() + sizeof(uint64_t) - 1) / sizeof(uint64_t));
  std::memcpy(words.data(), batch.body.data(), batch.body.size());
  const auto body = decodeBody(words);
  if (!body) {
    return end(misfit("the batch at " + named(batch.at) + " is damaged or of a newer program"));
  }
  LogPlace after = placeAt(view_.log, read_);
  if (auto error = replication::apply(*body, replica_, store_.own(), place_, after)) {
    return end(misfit("the batch at " + named(batch.at) + ": " + error->message));
  }
  place_ = std::move(after);
}

void Member::noteProgress() {
  if (!assembler_.idle() || place_.writes != 0) return;
  if (read_.sequence < place_.sequence + kNoteEvery) return;
  place_ = placeAt(view_.log, read_);
  store_.note(place_);
}

// --- leading ---

void Member::lead() {
  nonce_.reset();
  if (place_.writes != 0) {
    return end(misfit("the store has a part of a batch that the log has no more"));
  }
  role_ = ReplicaRole::kLeader;
  log_.follow(0);
  store_.lead(log_, view_.log, read_);
  saidMs_ = clock_.steadyMs();
  // It led when its take-over came into the log, and may have read that much later.
  ledSystemMs_ = campaignSystemMs_;
}

void Member::stepLeader() {
  store_.step();
  if (auto why = store_.ended()) {
    deposed_ = store_.publisher().deposed();
    if (deposed_) view_.leader = store_.publisher().deposedBy().address;
    end(std::move(*why));
    return;
  }
  const Publisher& publisher = store_.publisher();
  if (retires_ && retirements_.empty() && publisher.underWay() == 0) announce(clock_.steadyMs());
  if (publisher.next().index != saidIndex_) {
    saidIndex_ = publisher.next().index;
    saidMs_ = clock_.steadyMs();
  }
  const LogPosition& read = publisher.read();
  if (store_.quiet() && read.sequence >= place_.sequence + kNoteEvery) {
    place_ = placeAt(view_.log, read);
    store_.note(place_);
  }
}

void Member::tickLeader() {
  const uint64_t nowMs = clock_.steadyMs();
  store_.publisher().tick(nowMs);
  if (nowMs >= saidMs_ + options_.beatMs) announce(nowMs);
  if (stepDownDone_ && nowMs >= stepDownMs_ + options_.handOverMsMax) {
    goOn();
    answerStepDown(Error{ErrorCode::kUnavailable,
                         "nobody has taken over: this controller leads until somebody does; look "
                         "whether others follow"});
  }
  stepLeader();
}

// A beat, or that it retires: again and again, since nobody sends these again. A retirement counts
// for followers until something else comes, and a take-over must name the last frame: so it waits
// for what is under way.
void Member::announce(uint64_t nowMs) {
  Publisher& publisher = store_.publisher();
  const uint64_t epoch = publisher.next().epoch;
  saidMs_ = nowMs;
  if (!retires_ || publisher.underWay() > 0) {
    publisher.announce(encodeRecord(Beat{epoch, clock_.wallMs()}));
  } else {
    retirements_.push_back(publisher.announce(encodeRecord(Retire{epoch, clock_.wallMs()})));
  }
}

void Member::retire() {
  HOLDFAST_CHECK(leads(), "a follower retires");
  store_.step();
  store_.holdBack(true);
  retires_ = true;
  announce(clock_.steadyMs());
}

// Nobody has taken over.
void Member::goOn() {
  retires_ = retired_ = false;
  retirements_.clear();
  store_.holdBack(false);
  announce(clock_.steadyMs());
}

bool Member::retired() const {
  return retired_ || ended_.has_value();
}

void Member::stepDown(std::function<void(const std::optional<Error>&)> done) {
  if (!leads() || stepDownDone_) {
    return done(Error{ErrorCode::kRefused, leads() ? "it steps down already" : "it does not lead"});
  }
  stepDownDone_ = std::move(done);
  stepDownMs_ = clock_.steadyMs();
  retire();
}

void Member::answerStepDown(const std::optional<Error>& why) {
  if (const auto done = std::exchange(stepDownDone_, nullptr)) done(why);
}

// --- wanting to lead ---

void Member::tick() {
  if (ended_) return;
  if (leads()) return tickLeader();
  tickFollower();
}

void Member::tickFollower() {
  const uint64_t nowMs = clock_.steadyMs();
  const LogState state = log_.state();
  last_ = std::max(last_, state.last);
  if (full_) {
    full_ = false;
    step();
  }
  if (!waiting_.empty() || !state.connected || !hasRead(std::max(known_, state.last))) {
    // It does not have all yet, so nobody knows whether it is quiet.
    quietSinceMs_ = nowMs;
    return;
  }
  if (role_ == ReplicaRole::kCandidate) {
    if (nowMs >= campaignedMs_ + options_.repeatMs) campaign();
    return;
  }
  if (leaderRetired_) return campaign();
  if (answerDueMs_) {
    if (nowMs >= *answerDueMs_) campaign();
    return;
  }
  if (nowMs < quietSinceMs_ + options_.silenceMsMax) return;
  if (!options_.askLeader || view_.leader.empty()) return campaign();
  answerDueMs_ = nowMs + options_.answerMsMax;
  options_.askLeader(view_.leader);
}

void Member::leaderAnswered(uint64_t epoch, uint64_t acknowledgedAgeMs) {
  // One of an earlier epoch was replaced, and does not know it yet.
  if (epoch < rule_.at().epoch || acknowledgedAgeMs > options_.acknowledgedAgeMsMax) {
    return leaderSilent();
  }
  if (!answerDueMs_) return;
  answerDueMs_.reset();
  quietSinceMs_ = clock_.steadyMs();
}

void Member::leaderSilent() {
  // The next tick knows whether something came of the log meanwhile.
  if (answerDueMs_) answerDueMs_ = clock_.steadyMs();
}

void Member::campaign() {
  role_ = ReplicaRole::kCandidate;
  answerDueMs_.reset();
  campaignedMs_ = clock_.steadyMs();
  if (!nonce_) {
    nonce_ = random_();
    campaignSystemMs_ = systemMs();
  }
  log_.append(encodeRecord(TakeOver{.base = rule_.at(),
                                    .node = options_.node,
                                    .nonce = *nonce_,
                                    .address = options_.address,
                                    .wallMs = clock_.wallMs(),
                                    .formatMin = options_.format,
                                    .formatMax = options_.format,
                                    .digest = place_.writes == 0 ? replica_.digest() : ""}));
}

// --- what is said of it ---

void Member::end(Error why) {
  ended_ = std::move(why);
  role_ = ReplicaRole::kBootstrapping;
  log_.follow(0);
  waiting_.clear();
  answerStepDown(deposed_ ? std::nullopt : ended_);
}

bool Member::cutOff() const {
  return leads() && store_.unheardMs() > std::max(options_.cutOffMs, options_.silenceMsMax);
}

const ReplicaView& Member::view() {
  view_.role = role_;
  if (leads()) {
    const LogPosition read = store_.publisher().read();
    view_.epoch = read.at.epoch;
    view_.index = read.at.index;
    view_.lag = 0;
    // A beat is heard ten times a second; nothing is old as long as none is overdue.
    const uint64_t unheardMs = systemMs() - ledSystemMs_;
    view_.ageMs = unheardMs < 2 * options_.beatMs ? 0 : unheardMs;
    if (cutOff()) {
      view_.role = ReplicaRole::kCutOff;
      view_.leader.clear();
    } else if (view_.leader.empty()) {
      view_.leader = options_.address;
    }
    return view_;
  }
  view_.epoch = read_.at.epoch;
  view_.index = read_.at.index;
  const LogSequence last = std::max({delivered_, known_, last_});
  view_.lag = last - std::min(last, read_.sequence);
  view_.ageMs = ReplicaView::kAgeUnknown;
  if (!validMs_) return view_;
  view_.ageMs = systemMs() - *validMs_;
  // What comes late was made earlier.
  const uint64_t wallMs = clock_.wallMs();
  if (view_.lag > 0 && wallMs > validWallMs_) {
    view_.ageMs = std::max(view_.ageMs, wallMs - validWallMs_);
  }
  return view_;
}

}  // namespace holdfast::replication
