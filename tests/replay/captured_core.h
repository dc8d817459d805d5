// A core whose inputs are captured, and the programs that replay what was.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "capture/recorder.h"
#include "core/notice.h"
#include "tests/support/ignored_link.h"

namespace holdfast::test {

class CapturedCore final : private Clock, private NoticeSink, private IgnoredLink {
 public:
  CapturedCore(RegistryStore& store, const std::string& directory,
               const ControllerOptions& options = {})
      : controller_(
            options, *this, store, []() { return uint64_t{1}; }, *this),
        recorder_(controller_, *this) {
    LogOptions log;
    log.directory = directory;
    auto writer = LogWriter::open(log);
    EXPECT_TRUE(writer.ok());
    recorder_.begin(std::move(writer.value()), {});
  }

  SessionId registerWorker(const std::string& instance) {
    Registration registration;
    registration.instance = instance;
    registration.run = registration.attempt = 1;
    LocationStatement& location = registration.locations.emplace_back();
    location.location = "gpu";
    location.incarnation = kIncarnation;
    location.beganEmpty = true;
    const auto outcome = controller_.take(input::Register{registration, *this});
    return outcome.ok() ? outcome.value().session : kNoSession;
  }
  // Admits of consecutive keys; key n has seq n.
  void admit(SessionId session, ChunkHash from, ChunkHash to) {
    const std::vector<ChunkHash> keys = keysOf(from, to);
    report(session, {"gpu", kIncarnation, from, {keys, {}}});
  }
  void report(SessionId session, const Report& report) {
    (void)controller_.take(input::Report{session, report});
  }
  static std::vector<ChunkHash> keysOf(ChunkHash from, ChunkHash to) {
    std::vector<ChunkHash> keys;
    for (ChunkHash key = from; key <= to; ++key) keys.push_back(key);
    return keys;
  }
  Controller& controller() { return controller_; }
  std::string digest() const { return controller_.registry().registryDigest().hex(); }
  void end() { recorder_.end(Recorder::End::kProcessEnded); }

  static constexpr uint64_t kIncarnation = 7;

 private:
  uint64_t steadyMs() const override { return 1'000; }
  uint64_t wallMs() const override { return 1'700'000'000'000; }
  void notice(const Notice&) override {}

  Controller controller_;
  Recorder recorder_;
};

struct Command {
  int exitCode = -1;
  std::string output;
};
inline Command run(const std::string& line) {
  Command command;
  FILE* pipe = popen((line + " 2>&1").c_str(), "r");
  char part[4096];
  while (const size_t bytes = fread(part, 1, sizeof part, pipe)) command.output.append(part, bytes);
  const int status = pclose(pipe);
  if (WIFEXITED(status)) command.exitCode = WEXITSTATUS(status);
  return command;
}

class BugTest : public testing::Test {
 protected:
  BugTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "holdfast-bug-XXXXXX";
    directory = mkdtemp(pattern.data());
  }
  ~BugTest() override { std::filesystem::remove_all(directory); }
  std::string log() const { return directory + "/log"; }

  std::string directory;
};

}  // namespace holdfast::test
