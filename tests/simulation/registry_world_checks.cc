// What is compared with the model after every step.
#include <algorithm>

#include "tests/simulation/registry_world.h"
#include "tests/support/recount.h"

namespace holdfast::test {

void RegistryWorld::check() {
  size_t workers = 0;
  for (const auto& [name, instance] : registry_->tree().instances()) {
    workers += instance->workers.size();
  }
  ASSERT_EQ(workers, model_.size());
  RegistryDigest content;
  uint64_t pins = 0;
  for (const auto& [id, expected] : model_) {
    const Worker* worker = registry_->tree().findWorker(id.first, id.second);
    ASSERT_NE(worker, nullptr);
    EXPECT_EQ(worker->record.state, expected.state);
    EXPECT_EQ(worker->record.run, expected.run);
    EXPECT_EQ(worker->record.attempt, expected.attempt);
    EXPECT_EQ(worker->session, expected.session);
    EXPECT_EQ(worker->flow == Flow::kOpen, expected.open || expected.session == kNoSession);
    EXPECT_EQ(worker->quarantined, "");
    ASSERT_EQ(worker->locations.size(), expected.locations.size());
    for (const auto& [name, ours] : expected.locations) {
      const Location* location = worker->find(name);
      ASSERT_NE(location, nullptr);
      EXPECT_EQ(location->record.live.incarnation, ours.incarnation);
      EXPECT_EQ(location->lastSeq, ours.seq);
      EXPECT_EQ(location->count, ours.keys.size());
      EXPECT_EQ(location->digest, digestOf(ours.keys));
      EXPECT_EQ(location->record.live.hidden, ours.hidden);
      checkPins(*location, ours);
      pins += ours.pins.size();
      if (!ours.keys.empty() && !ours.hidden) {
        content.addContent(id.first, id.second, name, ours.keys.size(), digestOf(ours.keys));
      }
    }
  }
  EXPECT_EQ(registry_->contentDigest().hex(), content.hex());
  EXPECT_EQ(registry_->tree().pins(), pins);
  expectKeptAsCounted(*registry_);
  checkIndex();
  checkLookups();
}

void RegistryWorld::checkPins(const Location& location, const ModelLocation& ours) {
  ASSERT_EQ(location.pins != nullptr, !ours.pins.empty());
  if (ours.pins.empty()) return;
  EXPECT_EQ(location.pins->size(), ours.pins.size());
  for (const auto& [chunk, record] : ours.pins) {
    EXPECT_TRUE(ours.keys.contains(chunk)) << "pinned and not held";
    const PinRecord* const found = location.pins->find(chunk);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(*found, record);
  }
}

void RegistryWorld::checkIndex() {
  for (const std::string model : {"", "other"}) {
    for (uint64_t i = 0; i < kKeys; ++i) {
      const ChunkHash key = keyOf(i);
      std::set<HolderId> expected;
      for (const auto& [id, worker] : model_) {
        if (worker.model != model) continue;
        for (const auto& [name, location] : worker.locations) {
          if (!location.keys.contains(key)) continue;
          expected.insert(registry_->tree().findWorker(id.first, id.second)->find(name)->holder);
        }
      }
      SetId set = kEmptySet;
      registry_->index().find(registry_->tree().salt(model), {&key, 1}, {&set, 1});
      HolderId single = kNoHolder;
      std::set<HolderId> found;
      for (const HolderId holder : registry_->index().sets().members(set, single)) {
        if (!registry_->index().sets().isRetired(holder)) found.insert(holder);
      }
      ASSERT_EQ(found, expected) << "key " << i;
    }
  }
}

size_t RegistryWorld::prefixOf(const ModelWorker& worker,
                               const std::vector<ChunkHash>& prompt) const {
  if (worker.state == WorkerState::kLost) return 0;
  for (size_t n = 0; n < prompt.size(); ++n) {
    const bool held =
        std::any_of(worker.locations.begin(), worker.locations.end(), [&](const auto& entry) {
          return !entry.second.hidden && entry.second.keys.contains(prompt[n]);
        });
    if (!held) return n;
  }
  return prompt.size();
}

void RegistryWorld::checkLookups() {
  const std::string model = chance(random_, 30) ? "other" : "";
  std::vector<ChunkHash> prompt;
  for (uint64_t n = 1 + below(random_, 4); n > 0; --n) {
    prompt.push_back(keyOf(below(random_, kKeys)));
  }
  std::map<std::string, std::pair<uint32_t, uint32_t>> expected;  // instance -> any rank, all ranks
  std::map<std::string, uint32_t> ranks;
  for (const auto& [id, worker] : model_) {
    if (worker.model != model) continue;
    const auto length = static_cast<uint32_t>(prefixOf(worker, prompt));
    if (length == 0) continue;
    auto& [any, all] = expected.try_emplace(id.first, 0, UINT32_MAX).first->second;
    any = std::max(any, length);
    all = std::min(all, length);
    ++ranks[id.first];
  }
  const auto result = registry_->kv().lookup(model, prompt);
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result.value().size(), expected.size());
  uint32_t previous = UINT32_MAX;
  for (const LookupMatch& match : result.value()) {
    const std::string instance(match.instance);
    ASSERT_TRUE(expected.contains(instance));
    EXPECT_EQ(match.chunks, expected[instance].first);
    EXPECT_EQ(match.allRanksChunks, ranks[instance] == 2 ? expected[instance].second : 0);
    EXPECT_LE(match.chunks, previous);
    previous = match.chunks;
  }
}

}  // namespace holdfast::test
