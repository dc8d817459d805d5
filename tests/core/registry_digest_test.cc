// The digests' test vectors, as schema/README.md gives them.
#include "core/registry/registry_digest.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

KeyDigest digestOf(std::initializer_list<ChunkHash> keys) {
  KeyDigest digest;
  for (const ChunkHash key : keys) digest.add(key);
  return digest;
}

TEST(KeyDigest, Vectors) {
  EXPECT_EQ(digestOf({}), (KeyDigest{0, 0}));
  EXPECT_EQ(digestOf({0}), (KeyDigest{0xe220a8397b1dcdafu, 0x0ff2e69699c4857eu}));
  EXPECT_EQ(digestOf({1, 2, 3}), (KeyDigest{0x456d78af809b437cu, 0x36bc408affa446b7u}));
  EXPECT_EQ(digestOf({UINT64_MAX}), (KeyDigest{0xe4d971771b652c20u, 0xb78fb0886c30449du}));
}

TEST(KeyDigest, RemovingUndoesAdding) {
  KeyDigest digest = digestOf({1, 2, 3});
  digest.remove(2);
  EXPECT_EQ(digest, digestOf({3, 1}));
  EXPECT_NE(digest, digestOf({3, 2}));
}

TEST(RegistryDigest, Vectors) {
  RegistryDigest digest;
  EXPECT_EQ(digest.hex(), "00000000000000000000000000000000");
  digest.addContent("vllm-0", 3, "LocalCPUBackend", 3, digestOf({1, 2, 3}));
  EXPECT_EQ(digest.hex(), "191bff1c04fabd196948744d24c8ed80");
  digest.addContent("vllm-1", 0, "LocalDiskBackend", 1, digestOf({UINT64_MAX}));
  EXPECT_EQ(digest.hex(), "347261e6ab61ae2bf3819a11fab3720b");
  RegistryDigest state;
  state.addState("vllm-0", 3, "LocalCPUBackend", 3, digestOf({1, 2, 3}), 42, 7);
  EXPECT_EQ(state.hex(), "519487edf306e3b3eb318ffdcd4e2a92");
}

TEST(RegistryDigest, OrderDoesNotMatterAndEverythingElseDoes) {
  const auto of = [](auto... add) {
    RegistryDigest digest;
    (add(digest), ...);
    return digest;
  };
  const auto one = [](RegistryDigest& d) { d.addContent("a", 0, "cpu", 1, digestOf({5})); };
  const auto two = [](RegistryDigest& d) { d.addContent("b", 1, "disk", 1, digestOf({6})); };
  EXPECT_EQ(of(one, two), of(two, one));
  EXPECT_NE(of(one), of(two));
  EXPECT_NE(of(one), of([](RegistryDigest& d) { d.addContent("a", 1, "cpu", 1, digestOf({5})); }));
  EXPECT_NE(of(one), of([](RegistryDigest& d) { d.addContent("ac", 0, "pu", 1, digestOf({5})); }));
  EXPECT_NE(of(one), of([](RegistryDigest& d) { d.addContent("a", 0, "cpu", 2, digestOf({5})); }));
}

}  // namespace
}  // namespace holdfast
