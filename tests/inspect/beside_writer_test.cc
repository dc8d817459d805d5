// Beside another process that has the store open.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <filesystem>
#include <set>

#include "inspect/registry_view.h"
#include "inspect/verifier.h"
#include "tests/support/scratch.h"

namespace holdfast::test {
namespace {

// `inspect_test --grow DIR`: it says its registry digest, waits for a line, then writes on and on.
class Grower {
 public:
  explicit Grower(const std::string& dataDir) {
    std::array<char, PATH_MAX> self{};
    if (readlink("/proc/self/exe", self.data(), self.size() - 1) <= 0) std::abort();
    int toChild[2];
    int fromChild[2];
    if (pipe(toChild) != 0 || pipe(fromChild) != 0) std::abort();
    child_ = fork();
    if (child_ == 0) {
      dup2(toChild[0], STDIN_FILENO);
      dup2(fromChild[1], STDOUT_FILENO);
      for (const int end : {toChild[0], toChild[1], fromChild[0], fromChild[1]}) close(end);
      execl(self.data(), self.data(), "--grow", dataDir.c_str(), nullptr);
      _exit(127);
    }
    close(toChild[0]);
    close(fromChild[1]);
    to_ = toChild[1];
    from_ = fromChild[0];
    for (char c = 0; read(from_, &c, 1) == 1 && c != '\n';) digest_.push_back(c);
  }
  ~Grower() { kill(); }
  Grower(const Grower&) = delete;
  Grower& operator=(const Grower&) = delete;

  const std::string& digest() const { return digest_; }
  void goOn() const { EXPECT_EQ(write(to_, "\n", 1), 1); }
  void kill() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    child_ = 0;
    close(to_);
    close(from_);
  }

 private:
  pid_t child_ = 0;
  int to_ = -1;
  int from_ = -1;
  std::string digest_;
};

std::set<std::string> files(const std::filesystem::path& dir) {
  std::set<std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    all.insert(entry.path().filename());
  }
  return all;
}

void expectHealthy(const StoreReader& reader) {
  text::Progress progress;
  const auto outcome = inspect::verify(reader, {}, progress);
  for (const auto& finding : outcome.findings) {
    if (finding.severity == inspect::Severity::kNote) continue;
    ADD_FAILURE() << describe(finding.place) << ": " << finding.what << " [" << finding.kind << "]";
  }
}

TEST(BesideAWriter, TheStoreIsReadAsItIs) {
  const Scratch scratch;
  const std::string dir = (scratch.path() / "data").string();
  const std::string temporary = (scratch.path() / "tmp").string();
  std::filesystem::create_directory(temporary);
  setenv("TMPDIR", temporary.c_str(), 1);
  Grower grower(dir);
  ASSERT_EQ(grower.digest().size(), 32u);
  const auto before = files(dir);
  {
    const auto reader = StoreReader::open(dir);
    ASSERT_TRUE(reader.ok()) << reader.error().message;
    EXPECT_TRUE(reader.value()->besideWriter());
    EXPECT_GT(reader.value()->sequence(), 0u);
    text::Progress progress;
    EXPECT_EQ(inspect::viewRegistry(*reader.value(), progress).registry.hex(), grower.digest());
    expectHealthy(*reader.value());
    EXPECT_EQ(files(dir), before);
    // Nothing is left behind, even if this process was killed now.
    EXPECT_THAT(files(temporary), testing::IsEmpty());
  }
  unsetenv("TMPDIR");

  // As a killed process leaves it, it is the same.
  grower.kill();
  const auto reader = StoreReader::open(dir);
  ASSERT_TRUE(reader.ok()) << reader.error().message;
  EXPECT_FALSE(reader.value()->besideWriter());
  text::Progress progress;
  EXPECT_EQ(inspect::viewRegistry(*reader.value(), progress).registry.hex(), grower.digest());
}

TEST(BesideAWriter, WhatIsReadIsOfOneMoment) {
  const Scratch scratch;
  const std::string dir = (scratch.path() / "data").string();
  Grower grower(dir);
  grower.goOn();
  uint64_t before = 0;
  for (int i = 0; i < 30 && !testing::Test::HasFailure(); ++i) {
    const auto reader = StoreReader::open(dir);
    ASSERT_TRUE(reader.ok()) << reader.error().message;
    EXPECT_TRUE(reader.value()->besideWriter());
    const uint64_t sequence = reader.value()->sequence();
    EXPECT_GE(sequence, before);
    expectHealthy(*reader.value());
    EXPECT_EQ(reader.value()->sequence(), sequence);
    before = sequence;
  }
}

}  // namespace
}  // namespace holdfast::test
