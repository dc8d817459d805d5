// Built with gap.patch: what comes after a gap is applied as if nothing were missing.
#include "core/registry/registry_digest.h"
#include "tests/replay/captured_core.h"
#include "tests/support/memory_store.h"

namespace holdfast::test {
namespace {

TEST_F(BugTest, AGapAppliedAsIfInOrderShowsAgainInAReplay) {
  MemoryStore store;
  CapturedCore core(store, log());
  const SessionId session = core.registerWorker("llama");
  core.admit(session, 1, 4);
  core.admit(session, 9, 12);  // 5 to 8 are on their way
  core.end();

  KeyDigest keys;
  for (const ChunkHash key : CapturedCore::keysOf(1, 4)) keys.add(key);
  RegistryDigest truth;
  truth.addState("llama", 0, "gpu", 4, keys, CapturedCore::kIncarnation, 4);
  ASSERT_NE(core.digest(), truth.hex()) << "the bug does not show";

  // The program with the bug comes to the same; the one without it to the truth, and says so.
  const Command again =
      run(HOLDFAST_REPLAY_WITH_BUG " " + log() + " --check-digest " + core.digest());
  EXPECT_EQ(again.exitCode, 0) << again.output;
  const Command healthy = run(HOLDFAST_REPLAY " " + log());
  EXPECT_EQ(healthy.exitCode, 4) << healthy.output;
  EXPECT_NE(healthy.output.find(truth.hex()), std::string::npos) << healthy.output;
}

}  // namespace
}  // namespace holdfast::test
