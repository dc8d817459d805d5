// --loop-cpu: the loop has a processor for itself.

#include <sched.h>

#include <fstream>
#include <set>

#include "daemon_process.h"

namespace holdfast::test {
namespace {

// The processors that this test may use.
std::vector<int> processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  std::vector<int> all;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &allowed)) all.push_back(i);
  }
  return all;
}

class LoopCpuTest : public DaemonTest {
 protected:
  // Of the threads but the loop, how many may run on `processor`.
  static size_t othersOn(pid_t process, int processor) {
    size_t count = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
      const pid_t thread = std::stoi(entry.path().filename().string());
      cpu_set_t set;
      CPU_ZERO(&set);
      if (thread == process || sched_getaffinity(thread, sizeof set, &set) != 0) continue;
      if (CPU_ISSET(processor, &set)) ++count;
    }
    return count;
  }
  static bool runsOnlyOn(pid_t thread, int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    return sched_getaffinity(thread, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1 &&
           CPU_ISSET(processor, &set);
  }
};

TEST_F(LoopCpuTest, OtherThreadsKeepOffIt) {
  const std::vector<int> all = processors();
  if (all.size() < 2) GTEST_SKIP() << "this machine has one processor";
  const int last = all.back();
  const auto daemon = start(onDataDir({"--loop-cpu", std::to_string(last), "--lmcache-pull",
                                       "127.0.0.1:0", "--lmcache-reply", "127.0.0.1:0"}));
  ASSERT_TRUE(daemon->ready()) << daemon->log();
  EXPECT_TRUE(eventually([&] { return runsOnlyOn(daemon->pid(), last); }));
  EXPECT_EQ(othersOn(daemon->pid(), last), 0U);
  // What starts later begins on the loop's processor, and leaves it.
  const std::string copy = (directory / "copy").string();
  const std::string log = (directory / "log").string();
  EXPECT_EQ(ctl(daemon->address(), "capture on " + log).exitCode, 0);
  EXPECT_EQ(ctl(daemon->address(), "backup " + copy).exitCode, 0);
  EXPECT_TRUE(eventually([&] { return othersOn(daemon->pid(), last) == 0; }));
  EXPECT_TRUE(runsOnlyOn(daemon->pid(), last));
}

TEST_F(LoopCpuTest, OneThatIsNotThereIsRefused) {
  EXPECT_EQ(exitCodeOf(onDataDir({"--loop-cpu", "1023"})), 2);
  EXPECT_NE(lastLog().find("this process may run on"), std::string::npos) << lastLog();
}

}  // namespace
}  // namespace holdfast::test
