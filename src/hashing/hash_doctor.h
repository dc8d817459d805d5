// How each model's engines hash, learned from what they say they stored, and watched: which
// algorithm, seed and block size fit, and who differs.
//
// A stream, one medium of one source, is in one of these states:
//   learning  nothing fitted yet
//   fits      one profile does
//   mixed     it does and it does not, by turns
//   unknown   for HashStream::kPatience samples in a row nothing did
// Of the streams of a model and family, the profile that most have is theirs; a stream that fits
// another one differs. What look-ups of a model by tokens hash with is the profile of most of all
// its streams. It stays when its sources go, and is learned again after a restart of the
// controller: nothing of this is stored.
//
// A pure state machine: no clock, threads or I/O; notices are all that leaves it. On the
// controller's loop: gateways hand samples over with the operations of the same event.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/notice_sink.h"
#include "core/notices/subjects.h"
#include "hashing/hash_stream.h"
#include "hashing/stored_blocks.h"
#include "tokens/block_hasher.h"

namespace holdfast {

// What is known, for people and programs.
struct HashingReport {
  // One for each model and family.
  struct Model {
    std::string model;
    std::string_view family;  // "vllm"
    HashProfile profile;
    uint64_t streams = 0;  // that fit it
    bool lookups = false;  // look-ups by tokens hash with it
  };
  struct Stream {
    std::string model;
    WorkerName source;
    std::string medium;
    HashingState state = HashingState::kLearning;
    std::string profile;  // as people read it; empty: none fitted
    std::string trouble;  // what is wrong with it, and what to set; empty: nothing
    SampledBlocks sampled;
  };
  std::vector<Model> models;
  std::vector<Stream> streams;  // those in trouble first
  uint64_t streamsLeftOut = 0;
};

// Since the start, for scrapes.
struct HashingCounts {
  SampledBlocks sampled;
  uint64_t ignored = 0;  // samples that are malformed, or of streams beyond a limit
  std::array<uint64_t, kHashingStates> streams{};
  uint64_t streamsDiffering = 0;  // of those that fit
};

class HashDoctor {
 public:
  // Streams are watched up to so many, the others' samples are ignored and counted.
  static constexpr size_t kStreamsMax = 16'384;
  static constexpr size_t kModelsMax = 1'024;

  // `notices` outlives it.
  explicit HashDoctor(NoticeSink& notices);
  ~HashDoctor();
  HashDoctor(const HashDoctor&) = delete;
  HashDoctor& operator=(const HashDoctor&) = delete;

  // Looks at a sample. Bounded: about 0.1 ms at most for blocks of usual sizes, some microseconds
  // once its stream fits; whatever is malformed is counted and ignored.
  void stored(const StoredBlocks& blocks);
  // The source's process is another one: what its streams hashed before says nothing of what comes.
  void restarted(std::string_view model, const WorkerName& source);
  // The source is no longer one of the fleet.
  void forgotten(std::string_view model, const WorkerName& source);

  // What look-ups of the model by tokens hash with; null: nothing was learned of it. Who looks up
  // in pieces keeps it.
  std::shared_ptr<BlockHasher> hasherOf(std::string_view model) const;

  // At most so many streams.
  HashingReport report(size_t streamsMax) const;
  HashingCounts counts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast
