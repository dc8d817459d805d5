// The engine's library is in the process of who shares a log, and of nobody else; where it is not
// to be had, the daemon says what is missing before it touches anything.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/daemon/daemon_process.h"
#include "tests/nats/servers.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

constexpr int kGroup = 9;

// Every file that is mapped into it.
std::string mapsOf(const DaemonProcess& process) {
  std::ifstream in("/proc/" + std::to_string(process.pid()) + "/maps");
  return {std::istreambuf_iterator<char>(in), {}};
}

class ModuleTest : public DaemonTest {
 protected:
  // A program of the same contents in another place: what it loads is looked for beside that.
  fs::path moved() const {
    const fs::path program = directory / "bin" / "holdfastd";
    fs::create_directories(program.parent_path());
    fs::copy_file(HOLDFASTD, program);
    return program;
  }
  fs::path modulesOf(const fs::path& program) const {
    fs::path modules = (program.parent_path() / HOLDFAST_MODULES).lexically_normal();
    fs::create_directories(modules);
    return modules;
  }
  // Nobody listens at the address of its log: it would try again for ever.
  CommandResult run(const fs::path& program) const {
    return runCommand("timeout 60 " + program.string() + " --data-dir " +
                      (directory / "new").string() + " --create --listen unix:" +
                      (directory / "s").string() + " --replicate-nats nats://127.0.0.1:1");
  }
};

TEST_F(ModuleTest, AControllerAloneLoadsNothingOfTheLog) {
  const auto daemon = start(onDataDir());
  ASSERT_TRUE(daemon->ready()) << daemon->log();
  const std::string maps = mapsOf(*daemon);
  EXPECT_NE(maps.find("librocksdb"), std::string::npos) << maps;
  EXPECT_EQ(maps.find("libnats"), std::string::npos) << maps;
  EXPECT_EQ(maps.find("holdfast-nats"), std::string::npos) << maps;
}

TEST_F(ModuleTest, AControllerOfAGroupLoadsTheModuleAndLeads) {
  const NatsServers servers(1);
  const auto daemon =
      start(onDataDir({"--replicate-nats", servers.options().servers.front(), "--cluster", "test",
                       "--nats-replicas", "1", "--nats-size", "64MiB"}));
  ASSERT_TRUE(eventually([&] { return daemon->log().find("leading group") != std::string::npos; }))
      << daemon->log();
  const std::string maps = mapsOf(*daemon);
  EXPECT_NE(maps.find("libnats"), std::string::npos) << maps;
  EXPECT_NE(maps.find("holdfast-nats.so"), std::string::npos) << maps;
  daemon->signal(SIGTERM);
  EXPECT_EQ(daemon->wait(), 0) << daemon->log();
}

TEST_F(ModuleTest, AModuleThatIsNotThereIsNamed) {
  const fs::path program = moved();
  const CommandResult ended = run(program);
  EXPECT_EQ(ended.exitCode, kGroup) << ended.output;
  EXPECT_NE(ended.output.find("there is no " + (modulesOf(program) / "holdfast-nats.so").string()),
            std::string::npos)
      << ended.output;
  EXPECT_NE(ended.output.find("package holdfast"), std::string::npos) << ended.output;
  EXPECT_FALSE(fs::exists(directory / "new")) << "a store was made for nothing";
}

TEST_F(ModuleTest, AModuleThatCannotBeLoadedIsSaidToNeedItsLibrary) {
  const fs::path program = moved();
  std::ofstream(modulesOf(program) / "holdfast-nats.so") << "no library";
  const CommandResult ended = run(program);
  EXPECT_EQ(ended.exitCode, kGroup) << ended.output;
  EXPECT_NE(ended.output.find("cannot be loaded"), std::string::npos) << ended.output;
  EXPECT_NE(ended.output.find("libnats3.4"), std::string::npos) << ended.output;
}

TEST_F(ModuleTest, AModuleOfAnotherBuildIsRefused) {
  const fs::path program = moved();
  fs::copy_file(OTHER_MODULE, modulesOf(program) / "holdfast-nats.so");
  const CommandResult ended = run(program);
  EXPECT_EQ(ended.exitCode, kGroup) << ended.output;
  EXPECT_NE(ended.output.find("of another build (Holdfast 0.0.1, interface 0"), std::string::npos)
      << ended.output;
}

}  // namespace
}  // namespace holdfast::test
