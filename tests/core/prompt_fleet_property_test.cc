// A fleet whose prompts share beginnings, against a plain model: what look-ups remember of sets
// must never show.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include "core/index/key_mixer.h"
#include "core/index/prefix_match.h"
#include "tests/core/instance_match.h"
#include "tests/core/match_model.h"
#include "tests/core/random_sequences.h"

namespace holdfast {
namespace {

using test::below;
using test::chance;
using test::MatchModel;
using test::Random;

class PromptFleetTwin {
 public:
  explicit PromptFleetTwin(Random& random) : random_(random) {
    const size_t instances = 1 + below(random, 6);
    const size_t models = 1 + below(random, 2);
    ranks_ = 1 + below(random, 4);
    for (uint32_t instance = 0; instance < instances; ++instance) {
      names_.push_back(random());
      directory_.setNameHash(instance, names_.back());
      if (chance(random, 80)) setWorldSize(instance, static_cast<uint32_t>(ranks_));
      for (uint32_t rank = 0; rank < ranks_; ++rank) add(instance, rank, 0, below(random, models));
    }
    makePrompts();
    fill();
  }

  void step() {
    const uint64_t what = below(random_, 100);
    if (what < 50 || model_.holders.empty()) {
      lookUp();
    } else if (what < 65) {
      hole();
    } else if (what < 80) {
      const auto& prompt = anyPrompt();
      report(anyHolder(), cut(prompt, 0, 1 + below(random_, prompt.size())), false);
    } else {
      change();
    }
  }

 private:
  using Prompt = std::vector<ChunkHash>;

  // Half of the keys of a sequence meet in one table, which grows.
  ChunkHash newKey() {
    const uint64_t mixed = chance(random_, 50) ? random_() : (random_() & 0xFFFFFFFFFFFFF);
    return KeyMixer(kSalt).inverse(mixed);
  }
  void append(Prompt& prompt, size_t count) {
    for (size_t i = 0; i < count; ++i) prompt.push_back(newKey());
  }
  // From the beginning for system prompts, which all begin with; then what only one instance has.
  void makePrompts() {
    for (size_t i = 0; i < 1 + below(random_, 3); ++i) {
      systems_.emplace_back();
      append(systems_.back(), 1 + below(random_, chance(random_, 20) ? 90 : 12));
    }
    for (size_t i = 0; i < 2 + below(random_, 8); ++i) {
      Prompt prompt = chance(random_, 80) ? systems_[below(random_, systems_.size())] : Prompt{};
      append(prompt, 1 + below(random_, chance(random_, 20) ? 150 : 20));
      prompts_.push_back(prompt);
    }
  }
  void fill() {
    std::vector<HolderId> all;
    for (const auto& [id, holder] : model_.holders) all.push_back(id);
    for (const Prompt& system : systems_) {
      for (const HolderId id : all) {
        if (chance(random_, 95)) report(id, system, false);
      }
    }
    for (const Prompt& prompt : prompts_) {
      const auto instance = static_cast<uint32_t>(below(random_, names_.size()));
      for (const HolderId id : all) {
        if (model_.holders[id].info.instance == instance && chance(random_, 95)) {
          report(id, prompt, false);
        }
      }
    }
  }

  static Prompt cut(const Prompt& prompt, size_t from, size_t count) {
    const auto begin = prompt.begin() + static_cast<ptrdiff_t>(from);
    return {begin, begin + static_cast<ptrdiff_t>(count)};
  }
  const Prompt& anyPrompt() {
    return chance(random_, 20) ? systems_[below(random_, systems_.size())]
                               : prompts_[below(random_, prompts_.size())];
  }
  HolderId anyHolder() {
    auto at = model_.holders.begin();
    std::advance(at, static_cast<ptrdiff_t>(below(random_, model_.holders.size())));
    return at->first;
  }

  void add(uint32_t instance, uint32_t rank, uint16_t location, uint64_t model) {
    for (const auto& [id, holder] : model_.holders) {
      const HolderInfo& info = holder.info;
      if (info.instance == instance && info.rank == rank && info.location == location) return;
    }
    const HolderId id = index_.addHolder();
    const HolderInfo info{instance, rank, location, chance(random_, 95), chance(random_, 10)};
    directory_.set(id, info);
    model_.holders[id] = {info, kSalt + model, {}};
  }
  void setWorldSize(uint32_t instance, uint32_t size) {
    directory_.setWorldSize(instance, size);
    model_.worldSizes[instance] = size;
  }
  void report(HolderId id, const Prompt& keys, bool evict) {
    auto& holder = model_.holders[id];
    const std::vector<uint8_t> bits(keys.size() / 8 + 1, 0xFF);
    index_.apply(id, holder.salt, {keys, evict ? EvictBits{bits.data(), 0} : EvictBits{}});
    for (const ChunkHash key : keys) {
      if (evict) {
        holder.keys.erase(key);
      } else {
        holder.keys.insert(key);
      }
    }
  }
  void hole() {
    const auto& prompt = anyPrompt();
    const size_t from = below(random_, prompt.size());
    report(anyHolder(), cut(prompt, from, std::min(prompt.size() - from, 1 + below(random_, 3))),
           true);
  }
  void leave(HolderId id) {
    directory_.set(id, HolderInfo{});
    index_.retire(id);
    model_.holders.erase(id);
  }
  void change() {
    const auto instance = static_cast<uint32_t>(below(random_, names_.size()));
    const uint64_t what = below(random_, 8);
    if (what == 0) {
      leave(anyHolder());
    } else if (what == 1) {
      // Often no more than a part of the tables.
      index_.sweep(1 + below(random_, chance(random_, 50) ? 100'000 : 500));
    } else if (what == 2) {
      add(instance, static_cast<uint32_t>(below(random_, ranks_)),
          static_cast<uint16_t>(below(random_, 2)), below(random_, 2));
    } else if (what == 3) {
      setWorldSize(instance, static_cast<uint32_t>(below(random_, ranks_ + 2)));
    } else if (what == 4) {
      model_.loads[instance] = static_cast<Load>(below(random_, 400));
      directory_.setLoad(instance, model_.loads[instance]);
    } else if (what == 5) {
      // The same name in another slot's place.
      directory_.retireInstance(instance);
    } else {
      const HolderId id = anyHolder();
      HolderInfo& info = model_.holders[id].info;
      (what == 6 ? info.visible : info.unconfirmed) ^= true;
      directory_.set(id, info);
    }
  }

  void lookUp() {
    Prompt prompt = anyPrompt();
    if (chance(random_, 30)) prompt.resize(1 + below(random_, prompt.size()));
    if (chance(random_, 20)) append(prompt, 3);
    const uint64_t salt = kSalt + below(random_, 2);
    const bool peers = chance(random_, 25);
    const auto asker = static_cast<uint32_t>(below(random_, names_.size()));
    const auto rank = static_cast<uint32_t>(below(random_, ranks_));
    const uint64_t number = random_();
    // Two of them share what the directory remembers.
    PrefixMatcher& matcher = matchers_[below(random_, 2)];
    if (peers) {
      matcher.beginPeers(salt, prompt, asker, rank);
    } else {
      matcher.begin(salt, prompt, number);
    }
    const bool whole = chance(random_, 60);
    while (!matcher.advance(whole ? 1'000'000 : below(random_, 60))) {
    }
    matcher.finish(found_);
    const uint64_t spread = peers ? fmix64(names_[asker] + rank) : number;
    for (const InstanceMatch& match : found_) {
      EXPECT_EQ(match.order, fmix64(names_[match.instance] ^ spread));
    }
    EXPECT_TRUE(std::is_sorted(found_.begin(), found_.end(), [](const auto& a, const auto& b) {
      if (MatchModel::isBetter(a, b) || MatchModel::isBetter(b, a)) {
        return MatchModel::isBetter(a, b);
      }
      return std::tie(a.order, a.instance) < std::tie(b.order, b.instance);
    }));
    EXPECT_THAT(MatchModel::canonical(found_),
                testing::ElementsAreArray(model_.match(salt, prompt, peers, asker, rank)));
  }

  static constexpr uint64_t kSalt = 3;
  Random& random_;
  ChunkIndex index_;
  HolderDirectory directory_;
  PrefixMatcher matchers_[2]{{index_, directory_}, {index_, directory_}};
  MatchModel model_;
  size_t ranks_ = 0;
  std::vector<uint64_t> names_;  // hashes, by instance
  std::vector<Prompt> systems_;
  std::vector<Prompt> prompts_;
  std::vector<InstanceMatch> found_;
};

TEST(PromptFleetProperty, AgreesWithABruteForceModel) {
  test::forRandomSequences(10'000, [](Random& random) {
    PromptFleetTwin twin(random);
    const size_t steps = 5 + below(random, 30);
    for (size_t i = 0; i < steps && !testing::Test::HasFailure(); ++i) twin.step();
  });
}

}  // namespace
}  // namespace holdfast
