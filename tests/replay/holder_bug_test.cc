// Built with holder.patch: the id of a retired holder is given out again before the index was swept
// of it.
#include "tests/replay/captured_core.h"
#include "tests/support/memory_store.h"

namespace holdfast::test {
namespace {

TEST_F(BugTest, AHolderIdReusedEarlyShowsAgainInAReplay) {
  MemoryStore store;
  CapturedCore core(store, log());
  const SessionId gone = core.registerWorker("gone");
  core.admit(gone, 1, 3);
  (void)core.controller().take(input::Deregister{gone});
  core.registerWorker("llama");  // holds nothing
  PromptLookup lookup = core.controller().newLookup();
  const auto keys = CapturedCore::keysOf(1, 3);
  ASSERT_FALSE(lookup.begin("", keys, {}));
  ASSERT_TRUE(core.controller().advance(lookup));
  const auto found = core.controller().take(input::LookedUp{lookup, {}});
  ASSERT_EQ(found.size(), 1u) << "the bug does not show";
  EXPECT_EQ(found[0].instance, "llama");
  core.end();

  const std::string step = " " + log() + " --step --message lookup </dev/null";
  const std::string wrong = "found: instance \"llama\", 3 chunks";
  const Command again = run(HOLDFAST_REPLAY_WITH_BUG + step);
  EXPECT_EQ(again.exitCode, 0) << again.output;
  EXPECT_NE(again.output.find(wrong), std::string::npos) << again.output;
  const Command healthy = run(HOLDFAST_REPLAY + step);
  EXPECT_EQ(healthy.exitCode, 0) << healthy.output;
  EXPECT_EQ(healthy.output.find("found:"), std::string::npos) << healthy.output;
}

}  // namespace
}  // namespace holdfast::test
