#include "net/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class ListenAddress : public testing::Test {
 protected:
  ListenAddress() {
    std::string pattern = std::filesystem::temp_directory_path() / "holdfast-listen-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    path_ = directory_ / "s";
  }
  ~ListenAddress() override { std::filesystem::remove_all(directory_); }

  std::string unixAddress() const { return "unix:" + path_.string(); }

  std::filesystem::path directory_;
  std::filesystem::path path_;
};

TEST_F(ListenAddress, NamesThePortThatWasChosen) {
  const auto sockets = listenOn("127.0.0.1:0");
  ASSERT_TRUE(sockets.ok());
  ASSERT_EQ(sockets.value().size(), 1u);
  EXPECT_THAT(sockets.value()[0].name, StartsWith("127.0.0.1:"));
  EXPECT_NE(sockets.value()[0].name, "127.0.0.1:0");
  const auto again = listenOn(sockets.value()[0].name);
  ASSERT_FALSE(again.ok());
  EXPECT_THAT(again.error().message, HasSubstr("in use"));
}

TEST_F(ListenAddress, TakesIpv6) {
  const auto sockets = listenOn("[::1]:0");
  if (!sockets.ok()) GTEST_SKIP() << "no IPv6 here: " << sockets.error().message;
  EXPECT_THAT(sockets.value()[0].name, StartsWith("[::1]:"));
}

TEST_F(ListenAddress, KnowsWhichAddressesAreLocal) {
  for (const std::string& local :
       {std::string("127.0.0.1:0"), std::string("127.9.9.9:7440"), std::string("[::1]:0"),
        std::string("localhost:0"), unixAddress()}) {
    EXPECT_TRUE(isLocal(local)) << local;
  }
  for (const char* network :
       {"0.0.0.0:0", "*:0", "[::]:0", "192.0.2.1:0", "no-such-host.invalid:1", "nonsense"}) {
    EXPECT_FALSE(isLocal(network)) << network;
  }
}

// Whoever connects to 0.0.0.0 from this machine could as well be a proxy for another one.
TEST_F(ListenAddress, TrustsByTheListener) {
  EXPECT_EQ(listenOn("127.0.0.1:0").value().at(0).trust, Trust::kLocal);
  EXPECT_EQ(listenOn("0.0.0.0:0").value().at(0).trust, Trust::kNetwork);
  EXPECT_EQ(listenOn(unixAddress()).value().at(0).trust, Trust::kLocal);
}

TEST_F(ListenAddress, UnixSocketsHaveTheModeAndTheGroupThatWasAskedFor) {
  const auto modeOf = [&]() {
    struct stat found {};
    EXPECT_EQ(stat(path_.c_str(), &found), 0);
    return found.st_mode & 07777;
  };
  ASSERT_TRUE(listenOn(unixAddress(), {.mode = 0600, .group = {}}).ok());
  EXPECT_EQ(modeOf(), 0600u);
  ASSERT_TRUE(listenOn(unixAddress(), {.mode = 0666, .group = {}}).ok());
  EXPECT_EQ(modeOf(), 0666u);
  ASSERT_TRUE(listenOn(unixAddress(), {.mode = {}, .group = std::to_string(getgid())}).ok());
  EXPECT_EQ(modeOf(), 0660u);
}

TEST_F(ListenAddress, AGroupThatIsNotThereIsAnError) {
  const SocketAccess access{.mode = {}, .group = "no-such-group"};
  const auto sockets = listenOn(unixAddress(), access);
  ASSERT_FALSE(sockets.ok());
  EXPECT_THAT(sockets.error().message, HasSubstr("there is no group \"no-such-group\""));
  EXPECT_FALSE(std::filesystem::exists(path_));
  ASSERT_TRUE(cannotListenOn(unixAddress(), access));
  EXPECT_EQ(cannotListenOn(unixAddress(), access)->message, sockets.error().message);
}

TEST_F(ListenAddress, SaysWhatAnAddressLooksLike) {
  for (const std::string& address : {std::string("localhost"), std::string("::1:7440"),
                                     std::string("unix:"), "unix:" + std::string(108, 'x')}) {
    const auto sockets = listenOn(address);
    ASSERT_FALSE(sockets.ok()) << address;
    EXPECT_EQ(sockets.error().code, ErrorCode::kInvalid) << address;
    EXPECT_THAT(sockets.error().message, HasSubstr("127.0.0.1:7440")) << address;
    ASSERT_TRUE(cannotListenOn(address)) << address;
    EXPECT_EQ(cannotListenOn(address)->message, sockets.error().message);
  }
}

// Before the store is opened, and with nothing left behind.
TEST_F(ListenAddress, ForetellsWhatWouldFail) {
  const auto taken = listenOn("127.0.0.1:0");
  ASSERT_TRUE(taken.ok());
  const std::string missing = "unix:" + (directory_ / "missing" / "s").string();
  std::ofstream(directory_ / "file") << "precious";
  const std::string file = "unix:" + (directory_ / "file").string();
  const std::string live = "unix:" + (directory_ / "live").string();
  const auto lives = listenOn(live);
  ASSERT_TRUE(lives.ok());
  for (const std::string& address : {taken.value()[0].name, std::string("192.0.2.1:0"),
                                     std::string("no-such-host.invalid:1"), missing, file, live}) {
    const auto why = cannotListenOn(address);
    ASSERT_TRUE(why) << address;
    const auto sockets = listenOn(address);
    ASSERT_FALSE(sockets.ok()) << address;
    EXPECT_EQ(why->message, sockets.error().message);
    EXPECT_THAT(why->message, HasSubstr(address));
  }
  { const auto killed = listenOn(unixAddress()); }
  EXPECT_FALSE(cannotListenOn(unixAddress()));
  EXPECT_TRUE(std::filesystem::is_socket(path_));
  EXPECT_FALSE(cannotListenOn("127.0.0.1:0"));
}

TEST_F(ListenAddress, ReplacesAStaleUnixSocket) {
  { const auto killed = listenOn(unixAddress()); }  // closed, but the file stays
  ASSERT_TRUE(std::filesystem::is_socket(path_));
  const auto sockets = listenOn(unixAddress());
  ASSERT_TRUE(sockets.ok()) << sockets.error().message;
  EXPECT_EQ(sockets.value()[0].unixPath, path_.string());
}

TEST_F(ListenAddress, RefusesAUnixSocketThatSomebodyListensOn) {
  const auto first = listenOn(unixAddress());
  ASSERT_TRUE(first.ok());
  const auto second = listenOn(unixAddress());
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error().message, HasSubstr("another process listens there"));
}

TEST_F(ListenAddress, KeepsAFileThatIsNoSocket) {
  std::ofstream(path_) << "precious";
  const auto sockets = listenOn(unixAddress());
  ASSERT_FALSE(sockets.ok());
  EXPECT_THAT(sockets.error().message, HasSubstr("is no socket"));
  EXPECT_TRUE(std::filesystem::is_regular_file(path_));
}

}  // namespace
}  // namespace holdfast
