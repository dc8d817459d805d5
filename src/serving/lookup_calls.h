// Look-ups as both doors ask and answer them: plain values, whatever they came in as.
#pragma once

#include <kj/async.h>
#include <kj/function.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/lookups.h"
#include "core/result.h"
#include "serving/call_queue.h"
#include "serving/prompt_hashing.h"
#include "serving/services.h"
#include "wire/lookups.h"

namespace holdfast {

// What is asked. Refers to what belongs to whoever asks.
struct LookupQuestion {
  std::string_view eventId;  // may be empty; equal ones order equal instances alike
  std::string_view model;    // empty: the default one
  bool byTokens = false;     // else by hashes
  std::span<const uint32_t> tokens;
  std::span<const uint64_t> hashes;
  PromptKeys keys = {};  // beside tokens
  bool withPins = false;
  bool withEndpoints = true;
  uint32_t maxInstances = 0;  // 0: all
  uint64_t maxAgeMs = 0;      // of what is answered from (serving/replica_gate.h); 0: any
};

// What was found. Valid until the next input of the controller: written at once.
struct LookupFound {
  std::span<const LookupMatch> matches;  // best first, at most maxInstances; none: `miss` says why
  uint32_t leftOut = 0;                  // instances that match as well
  ExplainedMiss miss;                    // kNone where somebody was found
  const ReplicaView* replica = nullptr;  // who answers; never null
  uint32_t chunkSize = 0;                // tokens of a chunk
  std::optional<size_t> tokens;          // of the prompt; nothing where it was asked by hashes

  // Lists the best ones only.
  void keepOnly(size_t instances);
  // A match in tokens: the last chunk of a prompt may be a partial one.
  LookupEnds endsOf(const LookupMatch& match) const;
};

// Why a list of so many tokens is not looked up, or not hashed as the controller's settings say.
std::optional<Error> tooManyTokens(const PromptHashing& hashing, size_t tokens);
std::optional<Error> tooManyTokens(const Services& services, size_t tokens);

// Names what of a look-up's keys is too long.
std::optional<Error> invalidPromptKeys(std::string_view loraName, std::string_view loraPath,
                                       std::string_view cacheSalt);

// At once, where it takes no more than a turn of the loop; nothing where it does, and nothing has
// happened then. kInvalid: it is malformed or over a limit; kUnavailable: what this controller has
// is older than asked for, or not enough to answer from. `hashes`: scratch.
Result<std::optional<LookupFound>> lookUpAtOnce(Services& services, const LookupQuestion& question,
                                                std::vector<uint64_t>& hashes);

// What lookUpAtOnce() left, however long it takes, in its turn among the long calls of its
// connection. `answer` is called once, unless the promise fails with an exception of wireError().
// Everything outlives the promise.
kj::Promise<void> lookUpInPieces(Services& services, CallQueue& queue, LookupQuestion question,
                                 kj::Function<void(const LookupFound&)> answer);

// --- many look-ups in a call ---

// How much is asked, to be looked at before anything is read.
class LookupTotals {
 public:
  void addTokens(Services& services, std::string_view model, size_t tokens) {
    ++lookups_;
    tokens_ += tokens;
    chunks_ += PromptHashing(services, model).chunkCount(tokens);
  }
  void addHashes(size_t hashes) {
    ++lookups_;
    hashes_ += hashes;
  }
  // Which limit is exceeded.
  std::optional<Error> overLimit() const;
  // Of the numbers.
  size_t bytes() const { return tokens_ * sizeof(uint32_t) + hashes_ * sizeof(uint64_t); }

 private:
  size_t lookups_ = 0;
  size_t tokens_ = 0;
  size_t chunks_ = 0;  // that the tokens make
  size_t hashes_ = 0;
};

// Who asks, and writes the answers.
class ManyLookups {
 public:
  virtual ~ManyLookups() = default;
  virtual size_t size() const = 0;
  // In order, each once. Valid until the answer has been written.
  virtual LookupQuestion question(size_t index) = 0;
  virtual void answer(size_t index, const LookupFound& found) = 0;
};

// All of them, one after the other, in pieces: a call in its turn among the long ones of its
// connection. What is listed is bounded, see schema/messages.capnp (LookupsRetMsg), and `leftOut`
// says what is not; what the answers take counts as long as `call` goes on, and as if they were
// written in Cap'n Proto's encoding. `bytes`: of the message. Fails as a whole, with exceptions of
// wireError(): "invalid:" where one of them is, "unavailable:" where long calls take too much
// memory, or as lookUpAtOnce(). Everything outlives the promise.
kj::Promise<void> lookUpMany(Services& services, CallQueue& queue, ManyLookups& call, size_t bytes);

}  // namespace holdfast
