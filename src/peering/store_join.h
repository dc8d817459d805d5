// Where a new controller of a group gets its content: it asks the others for a copy of their store,
// a follower rather than the leader, and reads its files.
#pragma once

#include <kj/async-io.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/security.h"
#include "core/notice_sink.h"
#include "core/result.h"
#include "peering/peer.h"
#include "store/incoming_copy.h"

namespace holdfast::peering {

struct StoreJoinOptions {
  std::vector<std::string>
      controllers;  // valid addresses, in the order in which they are preferred
  ClientSecurity security;
  uint32_t formatMax = 0;  // of a store that this program can read
};

struct JoinProgress {
  std::string from;
  uint64_t bytesDone = 0;
  uint64_t bytesTotal = 0;
  double seconds = 0;  // since the first byte
  double bytesPerSecond = 0;
  double secondsRemaining = 0;
};

// What became of one attempt.
struct JoinOutcome {
  enum class Kind {
    kJoined,   // the data directory has the store
    kLater,    // nobody gives one now
    kRefused,  // everybody refuses, and will as long as things are as they are
    kDisk,     // what comes cannot be written
  };
  Kind kind = Kind::kLater;
  std::string why;  // of the others; a sentence
};

// On the loop's thread.
class StoreJoin {
 public:
  // References outlive it. `progress` is called every second.
  StoreJoin(kj::Network& network, kj::Timer& timer, IncomingCopy& into, StoreJoinOptions options,
            NoticeSink& notices, std::function<void(const JoinProgress&)> progress);
  ~StoreJoin() noexcept;

  // Asks all of them, and reads a copy of the first that gives one. One at a time; it must outlive
  // the promise. When that is dropped, so is the copy.
  kj::Promise<JoinOutcome> attempt();

 private:
  struct Transfer;

  kj::Promise<void> ask(Peer& peer);
  kj::Promise<JoinOutcome> copyFrom(size_t candidate);
  kj::Promise<void> copy(Peer& peer);
  kj::Promise<void> list(Transfer& transfer);
  kj::Promise<void> read(Transfer& transfer);
  void send(Transfer& transfer);
  void take(Transfer& transfer, kj::ArrayPtr<const kj::byte> data);
  void tell(const Transfer& transfer);
  void failed(const std::string& address, const Error& why);
  JoinOutcome outcome() const;

  kj::Network& network_;
  kj::Timer& timer_;
  IncomingCopy& into_;
  const StoreJoinOptions options_;
  NoticeSink& notices_;
  const std::function<void(const JoinProgress&)> progress_;
  // Of the attempt.
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<Peer*> candidates_;  // that may give a copy, the best one first
  std::unique_ptr<Transfer> transfer_;
  std::optional<Error> disk_;
  size_t refusals_ = 0;
  std::string why_;
};

}  // namespace holdfast::peering
