// Reads the messages of one source into steps of a hand-over.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateways/engine_events/decoder.h"
#include "gateways/engine_events/handover.h"
#include "gateways/engine_events/source.h"

namespace holdfast::engines {

struct ReadingOptions {
  bool clearMeansAll = false;  // AllBlocksCleared empties every location, not kGpu alone
  bool keepGroups = false;     // blocks of groups that make no prefixes are kept, in "GPU/1"
};

// What all sources share, on their thread.
struct Gathering {
  Batch batch;      // scratch
  Details details;  // scratch
  Handover handover;
};

class Reader final : public Source::Sink {
 public:
  // Locations of one source; events of others are left out and counted.
  static constexpr size_t kLocationsMax = 16;

  // Keeps the references.
  Reader(SourceId id, const EngineSource& source, const ReadingOptions& options,
         Gathering& gathering)
      : source_(id), of_(source), options_(options), gathering_(gathering) {}

  bool apply(uint64_t seq, std::string_view payload, bool replayed) override;
  void restarted() override;
  void lost(uint64_t from, uint64_t to) override;
  void askReplay(uint64_t from) override { replayFrom_ = from; }

  // Where a replay is to begin that was asked for since the last call.
  std::optional<uint64_t> takeReplay() { return std::exchange(replayFrom_, std::nullopt); }
  bool wantsReplay() const { return replayFrom_.has_value(); }
  // All that was read is in the hand-over, which goes now or soon: up to here.
  void mark(const std::optional<SourcePosition>& position);
  // Whether the hand-over that is gathered has any of it.
  bool hasSteps() const { return last_ != kNone; }
  // The hand-over has gone: the next one begins.
  void begin() { open_.clear(), last_ = kNone; }
  // All but the counts and connection of the source.
  void tell(SourceNews& news) const;

 private:
  static constexpr size_t kNone = SIZE_MAX;

  void take(const Event& event);
  void sample(const Event& event);
  bool makesPrefixes(const Event& event);
  Step* stepOf(const Event& event, bool prefixes);
  Step& barrier(Step::Kind kind);

  const SourceId source_;
  const EngineSource& of_;
  SampleGate gate_;
  const ReadingOptions options_;
  Gathering& gathering_;
  // Locations and their steps in the hand-over, while operations may be added to them.
  std::vector<std::pair<std::string, size_t>> open_;
  size_t last_ = kNone;  // step of this source
  std::vector<std::string> locations_;
  std::vector<uint32_t> otherGroups_;  // that make no prefixes
  std::string name_;                   // scratch
  std::string unreadable_;             // why the message cannot be read that is lost next
  std::optional<uint64_t> replayFrom_;
  uint64_t stored_ = 0;
  uint64_t removed_ = 0;
  uint64_t left_ = 0;
  uint64_t unknown_ = 0;
};

}  // namespace holdfast::engines
