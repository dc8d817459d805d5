// What the doctor learns of engines, and what it says of those that differ.
#include "hashing/hash_doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/hashing/engine.h"
#include "tests/support/recorded_notices.h"

namespace holdfast::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Blocks within which it has to be named.
constexpr size_t kBlocks = 1'000;

HashProfile vllm(Seed seed = {}) {
  return {.scheme = HashScheme::kVllmSha256, .blockSize = 16, .seed = std::move(seed)};
}

class HashDoctorTest : public testing::Test {
 protected:
  void store(Engine& engine, size_t blocks = 1) { doctor_.stored(engine.prompt(blocks)); }
  void storeMany(Engine& engine, size_t blocks) {
    for (size_t i = 0; i < blocks; ++i) store(engine);
  }
  HashingReport::Stream streamOf(const Engine& engine) {
    for (const auto& stream : doctor_.report(1'000).streams) {
      if (stream.source.instance == engine.source().instance) return stream;
    }
    ADD_FAILURE() << "no stream of " << engine.source().instance;
    return {};
  }

  RecordedNotices notices_;
  HashDoctor doctor_{notices_};
};

TEST_F(HashDoctorTest, LearnsEachWayToHashFromTheFirstBlock) {
  for (size_t i = 0; i < kHashSchemes; ++i) {
    const auto scheme = static_cast<HashScheme>(i);
    for (const Seed& seed : {Seed(), Seed("0"), Seed("42")}) {
      HashProfile profile{.scheme = scheme, .blockSize = 32};
      if (factsOf(scheme).seeded) profile.seed = seed;
      // Without a salt both of SGLang's formats are one.
      if (profile.validate() || scheme == HashScheme::kSglangDynamo) continue;
      SCOPED_TRACE(describe(profile));
      RecordedNotices notices;
      HashDoctor doctor(notices);
      EXPECT_EQ(doctor.hasherOf("llama"), nullptr);
      Engine engine("a", profile);
      doctor.stored(engine.prompt(2));
      ASSERT_NE(doctor.hasherOf("llama"), nullptr);
      EXPECT_EQ(doctor.hasherOf("llama")->profile(), profile);
      EXPECT_EQ(notices.last<notice::HashingLearned>().profile, describe(profile));
      EXPECT_EQ(doctor.hasherOf("other model"), nullptr);
    }
  }
}

TEST_F(HashDoctorTest, LearnsFromWholeDigests) {
  for (const HashScheme scheme : {HashScheme::kVllmSha256, HashScheme::kVllmSha256Cbor,
                                  HashScheme::kVllmXxhash, HashScheme::kVllmXxhashCbor}) {
    HashDoctor doctor(notices_);
    Engine engine("a", {.scheme = scheme, .blockSize = 16, .seed = "0"}, true);
    doctor.stored(engine.prompt(3));
    ASSERT_NE(doctor.hasherOf("llama"), nullptr);
    EXPECT_EQ(doctor.hasherOf("llama")->profile().scheme, scheme);
    // What continues an unseen block can be checked, too.
    engine.more(1);
    doctor.stored(engine.more(2));
    EXPECT_EQ(doctor.counts().sampled.fitted, 5u);
  }
}

TEST_F(HashDoctorTest, WhatContinuesAKnownBlockIsCheckedAndAnUnseenOneIsNot) {
  Engine engine("a", vllm());
  store(engine, 2);
  doctor_.stored(engine.more(1));
  EXPECT_EQ(doctor_.counts().sampled.fitted, 3u);
  engine.more(1);  // nobody told
  doctor_.stored(engine.more(4));
  EXPECT_EQ(doctor_.counts().sampled.unchecked, 4u);
  EXPECT_EQ(doctor_.counts().sampled.differing, 0u);
}

TEST_F(HashDoctorTest, ASeedThatNobodyNamedIsFound) {
  for (const char* seed : {"7", "1234", "4000"}) {
    HashDoctor doctor(notices_);
    Engine engine("a", vllm(seed));
    for (size_t i = 0; i < kBlocks && doctor.hasherOf("llama") == nullptr; ++i) {
      doctor.stored(engine.prompt(1));
    }
    ASSERT_NE(doctor.hasherOf("llama"), nullptr) << seed;
    EXPECT_EQ(doctor.hasherOf("llama")->profile().seed, seed);
  }
}

TEST_F(HashDoctorTest, AWrongSeedIsNamed) {
  Engine one("a", vllm());
  Engine two("b", vllm());
  Engine wrong("c", vllm("7"));
  store(one);
  store(two);
  storeMany(wrong, kBlocks);
  const auto said = notices_.last<notice::HashingDiffers>();
  EXPECT_EQ(said.source.instance, "c");
  EXPECT_THAT(said.difference, AllOf(HasSubstr("PYTHONHASHSEED is 7"), HasSubstr("not set"),
                                     HasSubstr("environment variable")));
  EXPECT_EQ(notices_.count<notice::HashingDiffers>(), 1u) << "once, not for each block";
  EXPECT_EQ(streamOf(wrong).trouble, said.difference);
  EXPECT_EQ(streamOf(one).trouble, "");
  EXPECT_EQ(doctor_.counts().streamsDiffering, 1u);
  EXPECT_EQ(doctor_.hasherOf("llama")->profile(), vllm()) << "look-ups go by the most";
}

TEST_F(HashDoctorTest, AnotherBlockSizeIsNamed) {
  Engine one("a", vllm("0"));
  HashProfile large = vllm("0");
  large.blockSize = 64;
  Engine wrong("b", large);
  store(one);
  storeMany(wrong, kBlocks / 10);
  EXPECT_THAT(notices_.last<notice::HashingDiffers>().difference,
              AllOf(HasSubstr("block size is 64"), HasSubstr("16"), HasSubstr("--block-size")));
}

TEST_F(HashDoctorTest, AnotherAlgorithmIsNamed) {
  Engine one("a", vllm("0"));
  HashProfile other = vllm("0");
  other.scheme = HashScheme::kVllmXxhashCbor;
  Engine wrong("b", other);
  store(one);
  storeMany(wrong, kBlocks / 10);
  EXPECT_THAT(notices_.last<notice::HashingDiffers>().difference,
              AllOf(HasSubstr("algorithm is xxhash_cbor"), HasSubstr("sha256"),
                    HasSubstr("--prefix-caching-hash-algo")));
}

TEST_F(HashDoctorTest, OtherExtraKeysAreNamed) {
  Engine one("a", vllm("0"));
  const std::vector<MediaKey> image = {{"img", 2, false}};
  StoredBlocks event = one.prompt(1, {}, {.media = image});
  event.extraKeys = {{image[0]}};
  doctor_.stored(event);
  HashProfile old = vllm("0");
  old.untagged = true;
  Engine wrong("b", old);
  store(wrong);
  EXPECT_EQ(notices_.count<notice::HashingDiffers>(), 0u) << "plain blocks are the same";
  StoredBlocks adapters = wrong.prompt(1, {.loraId = 7});
  doctor_.stored(adapters);
  EXPECT_THAT(notices_.last<notice::HashingDiffers>().difference,
              AllOf(HasSubstr("extra keys"), HasSubstr("up to 0.11")));
}

TEST_F(HashDoctorTest, AnEngineThatMixesTwoModelsIsNamed) {
  Engine one("a", vllm());
  HashProfile other{.scheme = HashScheme::kVllmSha256Cbor, .blockSize = 64};
  Engine two("a", other);
  for (size_t i = 0; i < kBlocks / 2; ++i) {
    store(one);
    store(two);
  }
  const auto said = notices_.last<notice::HashingMixed>();
  EXPECT_EQ(notices_.count<notice::HashingMixed>(), 1u);
  EXPECT_EQ(said.profile, describe(vllm()));
  EXPECT_EQ(said.other, describe(other));
  EXPECT_EQ(streamOf(one).state, HashingState::kMixed);
  EXPECT_THAT(streamOf(one).trouble, HasSubstr("two models"));

  storeMany(one, size_t{3} * HashStream::kWindow);
  EXPECT_EQ(streamOf(one).state, HashingState::kFits);
  EXPECT_EQ(notices_.count<notice::HashingAgrees>(), 1u);
}

TEST_F(HashDoctorTest, MixedWithOneThatFitsNothingIsNamed) {
  Engine one("a", vllm());
  HashProfile random{.scheme = HashScheme::kVllmXxhash, .blockSize = 16, .root = BlockHash()};
  random.root->size = 16;
  Engine two("a", random);
  for (size_t i = 0; i < kBlocks / 2; ++i) {
    store(one);
    store(two);
  }
  EXPECT_EQ(notices_.last<notice::HashingMixed>().other, "");
}

TEST_F(HashDoctorTest, RandomXxhashCannotBeLearnedAndThatIsSaid) {
  for (const bool whole : {false, true}) {
    RecordedNotices notices;
    HashDoctor doctor(notices);
    HashProfile random{.scheme = HashScheme::kVllmXxhash, .blockSize = 16, .root = BlockHash()};
    random.root->size = 16;
    random.root->bytes[3] = 77;
    Engine engine("a", random, whole);
    for (size_t i = 0; i < kBlocks; ++i) doctor.stored(engine.prompt(1));
    EXPECT_EQ(notices.count<notice::HashingUnknown>(), 1u);
    EXPECT_THAT(notices.last<notice::HashingUnknown>().reason,
                AllOf(HasSubstr("random for each process"), HasSubstr("PYTHONHASHSEED")));
    EXPECT_EQ(doctor.hasherOf("llama"), nullptr);
  }
}

TEST_F(HashDoctorTest, WholeDigestsTellThatItIsOnlyTheSeed) {
  Engine engine("a", {.scheme = HashScheme::kVllmSha256Cbor, .blockSize = 16, .seed = "no number"},
                true);
  for (size_t i = 0; i < HashStream::kPatience; ++i) doctor_.stored(engine.prompt(2));
  EXPECT_THAT(notices_.last<notice::HashingUnknown>().reason,
              AllOf(HasSubstr("algorithm is sha256_cbor"), HasSubstr("PYTHONHASHSEED")));
}

TEST_F(HashDoctorTest, OneThatStopsFittingIsNamedAndSoIsItsReturn) {
  Engine good("a", vllm());
  HashProfile random{.scheme = HashScheme::kVllmXxhash, .blockSize = 16, .root = BlockHash()};
  random.root->size = 16;
  Engine bad("a", random);
  store(good);
  storeMany(bad, kBlocks / 10);
  EXPECT_EQ(notices_.last<notice::HashingUnknown>().before, describe(vllm()));
  EXPECT_EQ(streamOf(good).state, HashingState::kUnknown);
  EXPECT_EQ(doctor_.counts().streams[static_cast<size_t>(HashingState::kUnknown)], 1u);
  EXPECT_EQ(doctor_.hasherOf("llama")->profile(), vllm()) << "what was learned stays";
  store(good);
  EXPECT_EQ(notices_.last<notice::HashingAgrees>().profile, describe(vllm()));
}

TEST_F(HashDoctorTest, AnEngineThatStartsAgainWithOtherSettingsIsLearnedAnew) {
  Engine before("a", vllm("0"));
  Engine other("b", vllm("0"));
  Engine after("a", vllm("42"));
  store(before);
  store(other);
  doctor_.restarted("llama", before.source());
  store(after);
  EXPECT_EQ(notices_.last<notice::HashingDiffers>().source.instance, "a");
  doctor_.restarted("llama", before.source());
  store(before);
  EXPECT_EQ(streamOf(before).trouble, "");
  // Without a word of it, some samples later.
  storeMany(after, HashStream::kConversion);
  EXPECT_EQ(streamOf(after).profile, describe(vllm("42")));
}

TEST_F(HashDoctorTest, WhenMostHashOtherwiseTheOthersDiffer) {
  Engine one("a", vllm("0"));
  Engine two("b", vllm("42"));
  Engine three("c", vllm("42"));
  store(one);
  store(two);
  EXPECT_EQ(streamOf(one).trouble, "");
  EXPECT_NE(streamOf(two).trouble, "");
  store(three);
  EXPECT_NE(streamOf(one).trouble, "");
  EXPECT_EQ(streamOf(two).trouble, "");
  EXPECT_EQ(doctor_.hasherOf("llama")->profile(), vllm("42"));
  doctor_.forgotten("llama", three.source());
  doctor_.forgotten("llama", two.source());
  EXPECT_EQ(doctor_.hasherOf("llama")->profile(), vllm("0"));
  EXPECT_EQ(doctor_.report(10).streams.size(), 1u);
  EXPECT_EQ(streamOf(one).trouble, "") << "it is most again";
}

TEST_F(HashDoctorTest, FamiliesSideBySideAreNoFault) {
  Engine vllms("a", vllm());
  Engine lmcache("a", {.scheme = HashScheme::kLmcacheBuiltin, .blockSize = 256});
  store(vllms);
  StoredBlocks tier = lmcache.prompt(1);
  tier.medium = "CPU";
  doctor_.stored(tier);
  EXPECT_EQ(notices_.count<notice::HashingDiffers>(), 0u);
  const auto report = doctor_.report(10);
  ASSERT_EQ(report.models.size(), 2u);
  EXPECT_TRUE(report.models[0].lookups);
  EXPECT_FALSE(report.models[1].lookups);
}

TEST_F(HashDoctorTest, KeysThatEventsTellAreUnderstood) {
  Engine engine("a", vllm());
  const std::vector<MediaKey> image = {{"img", 2, false}};
  StoredBlocks event = engine.prompt(2, {.salt = "tenant"}, {.media = image});
  event.extraKeys = {{image[0], "tenant"}, {}};
  doctor_.stored(event);
  EXPECT_EQ(doctor_.counts().sampled.fitted, 2u);

  Engine salted("b", {.scheme = HashScheme::kSglangDynamo, .blockSize = 16});
  StoredBlocks other = salted.prompt(2, {.salt = "tenant"});
  other.cacheSalt = "tenant";
  doctor_.stored(other);
  EXPECT_EQ(doctor_.counts().sampled.fitted, 4u);
}

TEST_F(HashDoctorTest, WhatOnlyTheEngineKnowsIsNoFault) {
  Engine engine("a", vllm());
  store(engine);
  for (size_t i = 0; i < kBlocks / 10; ++i) {
    StoredBlocks event = engine.prompt(1, {.lora = "sql", .loraPath = "/secret"});
    event.extraKeys = {{"sql"}};
    doctor_.stored(event);
  }
  EXPECT_EQ(doctor_.counts().sampled.unchecked, kBlocks / 10);
  EXPECT_EQ(streamOf(engine).state, HashingState::kFits);
}

TEST_F(HashDoctorTest, AnEngineThatServesAdaptersOnlyIsNoFaultEither) {
  Engine engine("a", vllm());
  for (size_t i = 0; i < kBlocks / 10; ++i) {
    StoredBlocks event = engine.prompt(1, {.lora = "sql", .loraPath = "/secret"});
    event.extraKeys = {{"sql"}};
    doctor_.stored(event);
  }
  EXPECT_EQ(streamOf(engine).state, HashingState::kLearning);
  EXPECT_EQ(doctor_.counts().sampled.unchecked, kBlocks / 10);
  EXPECT_TRUE(notices_.all.empty());
}

TEST_F(HashDoctorTest, MalformedSamplesChangeNothing) {
  Engine engine("a", vllm());
  const StoredBlocks good = engine.prompt(2);
  std::vector<StoredBlocks> bad(7, good);
  bad[0].blockSize = 0;
  bad[1].blockSize = 1'000'000;
  bad[2].tokens.pop_back();
  bad[3].hashes.clear();
  bad[4].hashes[1].size = 32;
  bad[5].parent = BlockHash{};
  bad[6].cacheSalt = std::string(1'000'000, 'x');
  for (const StoredBlocks& one : bad) doctor_.stored(one);
  EXPECT_EQ(doctor_.counts().ignored, bad.size());
  EXPECT_TRUE(doctor_.report(10).streams.empty());
  EXPECT_TRUE(notices_.all.empty());
}

TEST_F(HashDoctorTest, StreamsBeyondTheLimitAreIgnoredAndCounted) {
  Engine engine("a", vllm());
  StoredBlocks event = engine.prompt(1);
  for (uint32_t i = 0; i < HashDoctor::kStreamsMax + 3; ++i) {
    event.source.worker = i;
    doctor_.stored(event);
  }
  EXPECT_EQ(doctor_.counts().ignored, 3u);
  const auto report = doctor_.report(5);
  EXPECT_EQ(report.streams.size(), 5u);
  EXPECT_EQ(report.streamsLeftOut, HashDoctor::kStreamsMax - 5);
}

TEST(SampleGateTest, TakesAllAtFirstThenSome) {
  SampleGate gate;
  size_t taken = 0;
  while (gate.take(16, true)) ++taken;
  EXPECT_EQ(taken, 64u) << "1,024 blocks";
  size_t later = 0;
  for (size_t i = 0; i < 1'000; ++i) later += gate.take(1, false) ? 1 : 0;
  EXPECT_GE(later, 5u);
  EXPECT_LE(later, 10u);
  gate.restart();
  EXPECT_TRUE(gate.take(1, false));
}

}  // namespace
}  // namespace holdfast::test
