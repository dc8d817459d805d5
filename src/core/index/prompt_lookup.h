// A look-up of a prompt, or of one that a worker's peers may have, whole or in pieces of bounded
// work: a prompt may have 65,536 chunks, and each of them thousands of holders.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/index/prefix_match.h"
#include "core/lookups.h"
#include "core/registry/pins.h"
#include "core/registry/registry_tree.h"
#include "core/result.h"

namespace holdfast {

// Reads the registry and changes nothing. Used again and again; the references outlive it.
class PromptLookup {
 public:
  PromptLookup(const RegistryTree& tree, const ChunkIndex& index, const Pins& pins)
      : tree_(tree), index_(index), pins_(pins), matcher_(index, tree.directory()) {}

  // What an answer has beside who holds what, and what it depends on beside the registry.
  struct Wishes {
    bool withPins = false;
    bool withEndpoints = true;
    uint64_t spread = 0;          // any number; gives the order of instances that match equally
    bool hashingRefused = false;  // workers of the model were refused for how they hash
  };
  // Begins anew. `hashes` stay valid until the look-up is over. An error says what is malformed or
  // over a limit. An empty model is the default one.
  std::optional<Error> begin(std::string_view model, std::span<const ChunkHash> hashes,
                             const Wishes& wishes);
  // The same for the worker of a session: other instances, its own worker id, with a peer URL.
  // What they hold in `location`; empty: in any mixture of theirs.
  std::optional<Error> beginPeers(SessionId session, std::span<const ChunkHash> hashes,
                                  std::string_view location = {});

  // A piece of about so much work (PrefixMatcher::advance). True when nothing is left to do. The
  // registry may change between pieces: the holders of a chunk are as of its piece, and who is gone
  // at the end is not in the answer.
  bool advance(size_t workMax = kWorkOfTurn);
  // About 0.1 ms.
  static constexpr size_t kWorkOfTurn = 10'000;
  // Of the last piece.
  size_t spent() const { return spent_; }

  // The answer, best first, once advance() returned true, before anything changes; valid until the
  // next call or change.
  std::span<const LookupMatch> matches();
  std::span<const PeerMatch> peers();
  // Why matches(), called before, found nobody; valid as long as they are.
  const ExplainedMiss& miss() const { return miss_; }

  std::string_view model() const { return model_; }
  std::span<const ChunkHash> hashes() const { return hashes_; }
  const Wishes& wishes() const { return wishes_; }

 private:
  // How much of a match is pinned.
  struct Pinned {
    uint32_t chunks = 0;
    uint32_t instanceUse = 0;  // when the match was made
  };

  bool countPins(size_t workMax);
  // The best rank of a match; null if it is gone.
  const Worker* workerOf(const InstanceMatch& match) const;

  const RegistryTree& tree_;
  const ChunkIndex& index_;
  const Pins& pins_;
  PrefixMatcher matcher_;
  std::string_view model_;
  std::span<const ChunkHash> hashes_;
  Wishes wishes_;
  bool matched_ = false;
  size_t spent_ = 0;
  uint32_t worldSize_ = 0;  // of the worker that asks for peers
  std::vector<InstanceMatch> instanceMatches_;
  std::vector<Pinned> pinned_;  // of instanceMatches_, where pins are asked for
  size_t nextPinned_ = 0;       // of those, the one that is being counted
  std::vector<LookupMatch> matches_;
  std::vector<PeerMatch> peers_;
  ExplainedMiss miss_;
};

}  // namespace holdfast
