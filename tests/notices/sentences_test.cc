// One notice of each kind and its sentence: people and their scripts rely on the words.
#include "notices/sentences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/recorded_notices.h"

namespace holdfast::test {
namespace {

using namespace notice;

const WorkerName kWorker{"llama", 3};
const LocationName kGpu{kWorker, "gpu"};

struct Sample {
  Notice notice;
  std::string sentence;
};
using Samples = std::vector<Sample>;

// Line by line: as one initialiser list the compiler needs gigabytes for it.
void add(Samples& to, Notice notice, const char* sentence) {
  to.push_back({std::move(notice), sentence});
}

void addWorkers(Samples& to) {
  add(to, WorkerLost{kWorker}, "instance 'llama' worker 3 is LOST: its connection is gone");
  add(to, WorkerLost{kWorker, LostCause::kNotBack},
      "instance 'llama' worker 3 is LOST: it did not register again after the restart");
  add(to, WorkerLost{kWorker, LostCause::kSilent, 30'000},
      "instance 'llama' worker 3 is LOST: nothing received for 30000 ms");
  add(to, WorkerLost{kWorker, LostCause::kBrokeProtocol, 0, "it sent a malformed report"},
      "instance 'llama' worker 3 is LOST: it sent a malformed report");
  add(to, WorkerExpired{kWorker, 3'600'000},
      "instance 'llama' worker 3 is EXPIRED: LOST for 3600000 ms; its state is dropped");
  add(to, WorkerForgotten{kWorker}, "instance 'llama' worker 3: an operator has it forgotten");
  add(to, EmptyWorkerMadeRoom{kWorker, 4096},
      "instance 'llama' worker 3, LOST and holding 0 chunks, is forgotten to make room for another "
      "worker: this controller takes 4096; raise --workers-max to keep it");
  add(to, WorkerMadeRoom{kWorker, 77, 4096},
      "instance 'llama' worker 3, LOST and holding 77 chunks, is forgotten to make room for "
      "another worker: this controller takes 4096; raise --workers-max to keep it");
  add(to, WorkerContested{kWorker},
      "instance 'llama' worker 3: superseded twice within a minute; two processes seem to claim "
      "this rank");
  add(to, RunRepeated{kWorker},
      "instance 'llama' worker 3: another process registers with the run id of the former one; "
      "draw run ids from the operating system, not from a seeded generator");
  add(to, ModelChanged{kWorker, "qwen"},
      "instance 'llama' worker 3 has another model now, \"qwen\": what it held is forgotten");
  add(to, WorkerQuarantined{kWorker, "a segment repeats keys"},
      "instance 'llama' worker 3 is QUARANTINED: a segment repeats keys; it gets a clean slate "
      "when it registers");
  add(to, InstanceDamaged{"llama", "checksum"},
      "the record of instance 'llama' cannot be read (checksum); it is written anew");
  add(to, RanksContradict{"llama", "rank 0 states a world size of 2"},
      "instance \"llama\": its ranks contradict each other: rank 0 states a world size of 2; cache "
      "operations on it are refused until they agree");
  add(to, RanksAgree{"llama"}, "instance \"llama\": its ranks agree again");
  add(to, InstanceDrained{"llama"}, "instance \"llama\" is drained: look-ups do not name it");
  add(to, InstanceUndrained{"llama"}, "instance \"llama\" is in look-ups again");
}

void addRegistrations(Samples& to) {
  add(to, WorkerRegistered{kWorker, Known::kNew, "10.0.0.7:5000", "qwen", 2, 1},
      "instance 'llama' worker 3 has registered (new) at 10.0.0.7:5000, model \"qwen\"; 1 of 2 "
      "locations in sync");
  add(to, WorkerRegistered{kWorker, Known::kSameProcess, "10.0.0.7:5000", "qwen", 2, 2},
      "instance 'llama' worker 3 has registered (same process) at 10.0.0.7:5000, model "
      "\"qwen\"; 2 of 2 locations in sync");
  add(to, WorkerRegistered{kWorker, Known::kOtherProcess, "10.0.0.7:5000", "qwen", 2, 0},
      "instance 'llama' worker 3 has registered (other process) at 10.0.0.7:5000, "
      "model \"qwen\"; 0 of 2 locations in sync");
  add(to, WorkerRegistered{kWorker, Known::kRecovered, "10.0.0.7:5000", "qwen", 2, 2},
      "instance 'llama' worker 3 has registered (recovered) at 10.0.0.7:5000, model \"qwen\"; "
      "2 of 2 locations in sync");
  add(to, WorkerReturned{kWorker, 700, "10.0.0.7:5000", "qwen", 2, 1},
      "instance 'llama' worker 3 is back, LOST for 700 ms at 10.0.0.7:5000, model \"qwen\"; 1 of 2 "
      "locations in sync");
  add(to, RegistrationRefused{kWorker, "the disk is full"},
      "instance \"llama\" worker 3 may not register: the disk is full");
  add(to, WorkerSuperseded{kWorker},
      "instance 'llama' worker 3: superseded, another process registers in its place");
  add(to, WorkerDeregistered{kWorker, 9},
      "instance 'llama' worker 3 has deregistered: its 9 chunks are dropped");
  add(to, WorkerPaused{kWorker, "the store's queue is full"},
      "instance 'llama' worker 3 is told to wait: the store's queue is full");
  add(to, WorkerResumed{kWorker},
      "instance 'llama' worker 3 is told to go on, and registers again");
}

void addOperations(Samples& to) {
  add(to, OperationBegun{"nightly", OperationKind::kClear, "llama", 8},
      "clear of instance \"llama\", event \"nightly\": begun for 8 ranks");
  add(to, OperationDone{"nightly", OperationKind::kPin, "llama", 8, 512, 40},
      "pin of instance \"llama\", event \"nightly\": done by 8 ranks, 512 tokens, after 40 ms");
  add(to, OperationFailed{"nightly", OperationKind::kClear, "llama", "rank 0: no space", 40},
      "clear of instance \"llama\", event \"nightly\": failed after 40 ms: rank 0: no space");
}

void addRepairs(Samples& to) {
  add(to, ReplayExpected{kGpu, Reason::kBehind, 5, 9},
      "instance 'llama' worker 3 location 'gpu': the worker sends seq 5 to 9 again (behind)");
  add(to, FullSyncKept{kGpu, 2, 8},
      "instance 'llama' worker 3 location 'gpu': the full sync under way goes on, 2 of 8 batches "
      "are stored");
  add(to, LocationInSync{kGpu, 17, 500},
      "instance 'llama' worker 3 location 'gpu' is in sync again: 500 chunks at seq 17");
  add(to, LocationForgotten{kGpu, Reason::kNotStated, 500},
      "instance 'llama' worker 3 location 'gpu': 500 chunks are dropped (no longer stated)");
  add(to, ReportsDropped{1, 2, 3},
      "reports were dropped: 1 for locations that were not stated, 2 of incarnations that were not "
      "stated, 3 of sessions that are over");
  add(to, LocationNotStated{kWorker, "c\npu", "\"gpu\", \"disk\""},
      "instance 'llama' worker 3 reports for location \"c\\x0apu\", which it did not state when it "
      "registered (it stated \"gpu\", \"disk\"): these reports are dropped");
  add(to, IncarnationNotStated{kGpu, 78, 77},
      "instance 'llama' worker 3 reports for location \"gpu\" in incarnation 78, but it stated 77: "
      "these reports are dropped");
  add(to, ReportsLost{kGpu, 5, 9, false, true},
      "instance 'llama' worker 3 location 'gpu': the reports from seq 5 on are lost, it goes on "
      "with 9; "
      "it stays in look-ups, DIVERGED until a full sync, which it is asked for");
  add(to, ReportsLost{kGpu, 5, 5, true, false},
      "instance 'llama' worker 3 location 'gpu': it goes on with seq 5, and what it holds is not "
      "known; "
      "out of look-ups, DIVERGED until it registers again");
  add(to, ReportsLost{kGpu, 5, 5, false, false, true},
      "instance 'llama' worker 3 location 'gpu': messages of its engine are lost (seq 5, it "
      "goes on with 5); DIVERGED until the engine's cache has been empty once: restart it, or "
      "reset its prefix cache");
  add(to, GapFound{kGpu, 5, 9},
      "instance 'llama' worker 3 location 'gpu': expected seq 5, got 9; asked for what is missing");
  add(to, GapNotFilled{kGpu, Reason::kGapTooOld, 10'000},
      "instance 'llama' worker 3 location 'gpu': the worker cannot replay what is missing; needs a "
      "full sync");
  add(to, GapNotFilled{kGpu, Reason::kReplayTimedOut, 10'000},
      "instance 'llama' worker 3 location 'gpu': what was missing did not come within 10000 ms; "
      "needs a full sync");
  add(to, GapNotFilled{kGpu, Reason::kHeldOverflow, 10'000},
      "instance 'llama' worker 3 location 'gpu': more operations than can be held; needs a full "
      "sync");
  add(to, LocationDiverged{kGpu, Reason::kContentDiffers, {4, 2, {1, 2}}, {5, 3, {0xfe, 0xff}}},
      "instance 'llama' worker 3 location 'gpu': DIVERGED (content differs); ours: seq 4, 2 chunks "
      "of digest 00000000000000010000000000000002; the worker's: seq 5, 3 chunks of digest "
      "00000000000000fe00000000000000ff; needs a full sync");
  add(to, FullSyncBegun{kGpu, false, 8, 8, 500},
      "instance 'llama' worker 3 location 'gpu': full sync begins: 8 of 8 batches to come, 500 "
      "keys");
  add(to, FullSyncBegun{kGpu, true, 2, 8, 500},
      "instance 'llama' worker 3 location 'gpu': full sync goes on: 2 of 8 batches to come, 500 "
      "keys");
  add(to, FullSyncDone{kGpu, 500, 17},
      "instance 'llama' worker 3 location 'gpu': full sync done, 500 chunks at seq 17");
}

void addFailures(Samples& to) {
  add(to, FullSyncFailed{kGpu, SyncFailure::kReplayRefused, 10'000},
      "instance 'llama' worker 3 location 'gpu': full sync failed: the worker cannot replay what "
      "is missing; it is tried again");
  add(to, FullSyncFailed{kGpu, SyncFailure::kReplayTimedOut, 10'000},
      "instance 'llama' worker 3 location 'gpu': full sync failed: what was missing did not come "
      "within 10000 ms; it is tried again");
  add(to, FullSyncFailed{kGpu, SyncFailure::kGapOverflow, 10'000},
      "instance 'llama' worker 3 location 'gpu': full sync failed: more operations behind a gap "
      "than can be held; it is tried again");
  add(to, FullSyncFailed{kGpu, SyncFailure::kPendingOverflow, 10'000},
      "instance 'llama' worker 3 location 'gpu': full sync failed: more operations than can be "
      "held until the batches are there; it is tried again");
  add(to, FullSyncFailed{kGpu, SyncFailure::kOtherContent, 10'000, 4, 3, 4},
      "instance 'llama' worker 3 location 'gpu': full sync failed: 4 keys came, 3 of them "
      "distinct, where the worker stated 4; it is tried again");
  add(to, FullSyncFailed{kGpu, SyncFailure::kOtherContent, 10'000, 4, 4, 4},
      "instance 'llama' worker 3 location 'gpu': full sync failed: 4 keys came, 4 of them "
      "distinct, where the worker stated 4 of another digest; it is tried again");
  add(to, FullSyncFailed{kGpu, SyncFailure::kNotStarted, 10'000},
      "instance 'llama' worker 3 location 'gpu': full sync failed: the worker did not start it in "
      "time; it is tried again");
  add(to, FullSyncFailed{kGpu, SyncFailure::kInactive, 10'000, 0, 0, 0, 3, true},
      "instance 'llama' worker 3 location 'gpu': full sync failed: nothing came for too long; it "
      "failed 3 times in a row and is tried again later: look at that worker");
}

void addHashing(Samples& to) {
  add(to, HashingLearned{kWorker, "m", "P"},
      "instance \"llama\" worker 3, model \"m\": hashes as P; look-ups of this model by tokens do "
      "so, too");
  add(to, HashingDiffers{kWorker, "m", "P", "Q", "D"},
      "instance \"llama\" worker 3, model \"m\": hashes as P, and the others of its model as Q, so "
      "that neither finds what the other holds: D");
  add(to, HashingUnknown{kWorker, "m", "", "R"},
      "instance \"llama\" worker 3, model \"m\": its hashes fit nothing that is known, so that "
      "what it holds is found by hashes only: R");
  add(to, HashingUnknown{kWorker, "m", "P", "R"},
      "instance \"llama\" worker 3, model \"m\": its hashes, which were those of P, fit nothing "
      "now, so that what it holds is found by hashes only: R");
  add(to, HashingMixed{kWorker, "m", "P", "Q"},
      "instance \"llama\" worker 3, model \"m\": what it stores is hashed now as P, now as Q: do "
      "two engines, or two models, publish on one endpoint? Give each its own; prompts with keys "
      "that its events do not tell (a salt under vLLM up to 0.11) look the same");
  add(to, HashingMixed{kWorker, "m", "P", ""},
      "instance \"llama\" worker 3, model \"m\": what it stores is hashed now as P, now in a way "
      "that fits nothing that is known: do two engines, or two models, publish on one endpoint? "
      "Give each its own; prompts with keys that its events do not tell (a salt under vLLM up to "
      "0.11) look the same");
  add(to, HashingAgrees{kWorker, "m", "P"},
      "instance \"llama\" worker 3, model \"m\": hashes as P, as the others of its model do");
}

void addOthers(Samples& to) {
  add(to, ReadOnly{"the disk is full"}, "read-only: the disk is full");
  add(to, Writable{}, "the store takes writes again");
  add(to, FoldFailed{kGpu, "no space"},
      "instance 'llama' worker 3 location 'gpu': its fold failed: no space");
  add(to, WorkersBehind{12},
      "12 workers are behind what had been confirmed to them, because the store has lost writes; "
      "each sends what is missing when it registers");
  add(to, WorkersQuarantined{12},
      "12 workers are quarantined: their records are damaged; holdfast-ctl workers says how");
  add(to, BackupMade{"/backup/1", 4'096, 99}, "backup in /backup/1: 4096 bytes, as of write 99");
  add(to, BackupFailed{"no space"}, "no backup was made: no space");
  add(to, CopyGiven{"'c2' (10.0.0.7:555)", 12, 4'096, 99},
      "a copy of the store for 'c2' (10.0.0.7:555): 12 files, 4096 bytes, as of write 99");
  add(to, CopyEnded{"10.0.0.7:555", 96, 4'096, 250, false},
      "the copy of the store for 10.0.0.7:555 has ended after 250 ms: 96 of 4096 bytes were read");
  add(to, CopyEnded{"10.0.0.7:555", 96, 4'096, 60'250, true},
      "the copy of the store for 10.0.0.7:555 has ended after 60250 ms: 96 of 4096 bytes were "
      "read, and nothing was asked of it any more");
  add(to, CopyFailed{"10.0.0.7:555", "no space"},
      "no copy of the store for 10.0.0.7:555: no space");
  add(to, LimitNear{Limit::kWorkers, 9, 10},
      "workers: 9 of at most 10; at the limit LOST ones are forgotten for new ones, and where none "
      "is LOST new ones have to wait; raise --workers-max, or forget those that do not come back");
  add(to, LimitNear{Limit::kLocationNames, 9, 10},
      "location names: 9 of at most 10; at the limit workers with other names have to wait; name "
      "the locations of all workers alike");
  add(to, LimitNear{Limit::kPins, 9, 10},
      "pins: 9 of at most 10; at the limit pin operations fail; pin with a time to live, or clear "
      "what is pinned (holdfast-ctl pins)");
  add(to, CaptureEnded{"/logs/1", "the limit is reached"},
      "capture into /logs/1 has ended: the limit is reached");
  add(to, InternalError{"a promise was broken"}, "internal error: a promise was broken");
  add(to, OperatorCall{"alice", "10.0.0.7:555", "Operator.forget", "instanceId=\"llama\""},
      "audit: Operator.forget instanceId=\"llama\", by 'alice' (10.0.0.7:555): done");
  add(to, OperatorCall{"", "a client of the Unix socket", "Operator.backup", "", "refused: no"},
      "audit: Operator.backup, without a token (a client of the Unix socket): refused: no");
  add(to, TokensRead{12, 3},
      "the token file is read: 12 tokens; 3 connections of tokens that are gone or changed are "
      "ended");
  add(to, TokensNotRead{"tokens:3: no"},
      "the token file is not taken, the former tokens stay in force: tokens:3: no");
  add(to, AccessRefused{"", "10.0.0.7:555", "missing_token", "a token is needed"},
      "access refused to 10.0.0.7:555: a token is needed");
  add(to, AccessRefused{"pool", "10.0.0.7:555", "denied", "it may not"},
      "access refused to 'pool' (10.0.0.7:555): it may not");
  add(to, AcceptFailed{"127.0.0.1:7440", "too many files", 1000},
      "cannot accept a connection on 127.0.0.1:7440: too many files; 1000 connections are open; "
      "raise the limit of open files (ulimit -n, LimitNOFILE) or lower --connections-max");
  add(to, ConnectionsFull{true, 100, 101},
      "refusing connections: 100 are open, the limit is 101 (--connections-max)");
  add(to, ConnectionsFull{false, 100, 101},
      "closing connections that never said anything: 100 are open, the limit is 101 "
      "(--connections-max)");
  add(to, ConnectionClosed{"127.0.0.1:555", "malformed message"},
      "closing the connection of 127.0.0.1:555: malformed message");
  add(to, GatewayRefused{"LMCache", "a message without a type"},
      "the LMCache gateway refuses what came: a message without a type");
  add(to, ConnectionNoticesLeftOut{kNoticeKind<GatewayRefused>, 4},
      "4 more things were refused by gateways in the last minute");
  add(to, ConnectionNoticesLeftOut{kNoticeKind<AcceptFailed>, 4},
      "4 more connections could not be accepted in the last minute");
  add(to, ConnectionNoticesLeftOut{kNoticeKind<ConnectionsFull>, 4},
      "4 more connections were refused or closed to make room in the last minute");
  add(to, ConnectionNoticesLeftOut{kNoticeKind<AccessRefused>, 4},
      "4 more requests for access were refused in the last minute");
  add(to, ConnectionNoticesLeftOut{kNoticeKind<ConnectionClosed>, 4},
      "4 more connections were closed for what they sent in the last minute");
}

void addEngines(Samples& to) {
  add(to, EngineUnreachable{kWorker, "cannot connect to tcp://x:1: no"},
      "instance 'llama' worker 3: its engine cannot be subscribed to: cannot connect to tcp://x:1: "
      "no");
  add(to, EngineRestarted{kWorker},
      "instance 'llama' worker 3: another process of its engine, with an empty cache; what was "
      "held "
      "is forgotten");
  add(to, EngineMessagesLost{kWorker, 5, 9, true},
      "instance 'llama' worker 3: messages 5 to 9 of its engine are lost; what was held is "
      "forgotten and what it announces from now on is held, DIVERGED until the engine's cache has "
      "been empty once: restart it, or reset its prefix cache");
  add(to, EngineMessagesLost{kWorker, 5, 9, false},
      "instance 'llama' worker 3: messages 5 to 9 of its engine are lost; what was held is kept "
      "and may be wrong, DIVERGED until the engine's cache has been empty once: restart it, or "
      "reset its prefix cache");
  add(to, EngineMessageUnreadable{kWorker, 5, "no list of events at byte 3"},
      "instance 'llama' worker 3: message 5 of its engine cannot be read: no list of events at "
      "byte "
      "3");
  add(to, EngineResetAsked{kWorker, "http://10.0.0.5:8000"},
      "instance 'llama' worker 3: its engine at http://10.0.0.5:8000 empties its prefix cache, as "
      "it was asked to");
  add(to, EngineResetFailed{kWorker, "http://10.0.0.5:8000", "nobody answers there"},
      "instance 'llama' worker 3: its engine at http://10.0.0.5:8000 could not be asked to empty "
      "its prefix cache: nobody answers there");
  add(to, EngineResetFailed{kWorker, "", "its HTTP address is not known"},
      "instance 'llama' worker 3: its engine could not be asked to empty its prefix cache: its "
      "HTTP address is not known");
}

void addProcess(Samples& to) {
  add(to, Starting{"0.1.0", 77, "/data", 3, "127.0.0.1:7440", "off", "--fold-floor=1"},
      "holdfastd 0.1.0 starts, pid 77: data directory /data, format 3, listening on "
      "127.0.0.1:7440, authentication off; options: --fold-floor=1");
  add(to, Starting{"0.1.0", 77, "/data", 3, "127.0.0.1:7440", "off", ""},
      "holdfastd 0.1.0 starts, pid 77: data directory /data, format 3, listening on "
      "127.0.0.1:7440, authentication off; options: all as by default");
  add(to, Recovering{"reading the contents", "keys", 50, 200, 7, 21},
      "recovering: reading the contents for 7 s: 50 of about 200 keys, 21 s remain");
  add(to, Migrating{2, "segments", 50, 200, 21},
      "migrating to format 2 (segments): 50 of about 200 MiB, 21 s remain");
  add(to, Joining{"c1:7440", 50, 200, 10, 15},
      "copying the store of c1:7440: 50 of 200 MiB, 10 MiB/s, 15 s remain");
  add(to, Joined{"c1:7440", 12, 4'096, 250, 99},
      "the store is a copy of that of c1:7440: 12 files, 4096 bytes in 250 ms, as of write 99");
  add(to, JoinFailed{"c1:7440", "denied: no"}, "no copy of the store from c1:7440: denied: no");
  add(to, Ready{"127.0.0.1:7440", 1, 8, 500, 40},
      "ready on 127.0.0.1:7440: recovered 1 instances, 8 workers, 500 chunks in 40 ms");
  add(to, NoticesLeftOut{kNoticeKind<WorkerRegistered>, 3'996, 10'000},
      "3996 more notices of the kind worker_registered were left out within 10000 ms; "
      "holdfast-ctl status and workers tell how things are");
  add(to, Reloaded{"tokens"}, "tokens: read anew");
  add(to, ReloadRefused{"tokens", "line 3 has no role"},
      "tokens: not read anew, all of it stays as it was: line 3 has no role");
  add(to, RestartNeeded{"listen, workers-max"},
      "the configuration has changed, and only a start takes this up: listen, workers-max");
  add(to, LogLevelChanged{"info", "debug"},
      "the log tells what is of level debug or above now, not info");
}

Samples samples() {
  Samples all;
  addRegistrations(all);
  addWorkers(all);
  addOperations(all);
  addRepairs(all);
  addFailures(all);
  addEngines(all);
  addProcess(all);
  addHashing(all);
  addOthers(all);
  return all;
}

// What a sentence puts in words of its own: which of several it is, and what explains it.
const std::set<std::string> kInWords = {
    "cause",     "detail",    "reason",   "limit",     "of",        "goes_on", "refused",
    "backs_off", "silent_ms", "failures", "keys",      "distinct",  "stated",  "replay_timeout_ms",
    "location",  "known",     "hidden",   "full_sync", "forgotten", "source",  "idle"};

TEST(SentencesTest, EachKindHasOne) {
  std::set<size_t> kinds;
  for (const auto& [notice, sentence] : samples()) {
    EXPECT_EQ(sentenceOf(notice), sentence);
    kinds.insert(notice.index());
  }
  for (size_t kind = 0; kind < kNoticeKinds; ++kind) {
    EXPECT_TRUE(kinds.contains(kind)) << "add a line for " << noticeName(kind);
  }
}

TEST(SentencesTest, AFieldThatANoticeHasIsInItsSentence) {
  for (const auto& [notice, sentence] : samples()) {
    for (const auto& [name, value] : fieldsOf(notice)) {
      if (name == "notice" || kInWords.contains(name)) continue;
      EXPECT_THAT(sentence, testing::HasSubstr(value)) << noticeName(notice.index()) << ' ' << name;
    }
  }
}

TEST(NoticeTest, NamesAreForProgramsAndDifferentForEachKind) {
  std::set<std::string_view> names;
  for (size_t kind = 0; kind < kNoticeKinds; ++kind) {
    const std::string_view name = noticeName(kind);
    EXPECT_THAT(std::string(name), testing::MatchesRegex("[a-z_]+"));
    EXPECT_TRUE(names.insert(name).second) << name << " names two kinds";
  }
  for (const auto& [notice, sentence] : samples()) {
    // What a line of the log has besides.
    std::set<std::string> fields = {"time", "level", "event", "message"};
    for (const auto& [name, value] : fieldsOf(notice)) {
      EXPECT_THAT(name, testing::MatchesRegex("[a-z_]+"));
      EXPECT_TRUE(fields.insert(name).second) << noticeName(notice.index()) << " repeats " << name;
    }
  }
}

TEST(NoticeTest, IsCountedByKind) {
  NoticeCounts counts;
  counts.count(WorkerForgotten{kWorker});
  counts.count(RanksAgree{"llama"});
  counts.count(RanksAgree{"qwen"});
  EXPECT_EQ(counts.of(kNoticeKind<RanksAgree>), 2u);
  EXPECT_EQ(counts.of(kNoticeKind<WorkerForgotten>), 1u);
  EXPECT_EQ(counts.of(kNoticeKind<WorkerLost>), 0u);
}

}  // namespace
}  // namespace holdfast::test
