#include "rpc/listen_address.h"

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

TEST_F(ListenAddress, RefusesAddressesThatOtherMachinesReach) {
  for (const char* address : {"0.0.0.0:0", "*:0", "[::]:0", "192.0.2.1:0"}) {
    const auto sockets = listenOn(address);
    ASSERT_FALSE(sockets.ok()) << address;
    EXPECT_EQ(sockets.error().code, ErrorCode::kRefused) << address;
    EXPECT_THAT(sockets.error().message, HasSubstr("authentication is off")) << address;
    EXPECT_THAT(sockets.error().message, HasSubstr(address));
  }
}

TEST_F(ListenAddress, SaysWhatAnAddressLooksLike) {
  for (const char* address : {"", "7440", ":7440", "localhost", "localhost:", "localhost:x",
                              "127.0.0.1:65536", "127.0.0.1:123456", "::1:7440"}) {
    const auto sockets = listenOn(address);
    ASSERT_FALSE(sockets.ok()) << address;
    EXPECT_EQ(sockets.error().code, ErrorCode::kInvalid) << address;
    EXPECT_THAT(sockets.error().message, HasSubstr("127.0.0.1:7440")) << address;
  }
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

TEST_F(ListenAddress, RefusesPathsThatTheSystemCannotTake) {
  for (const std::string& path : {std::string(), std::string(108, 'x')}) {
    const auto sockets = listenOn("unix:" + path);
    ASSERT_FALSE(sockets.ok());
    EXPECT_THAT(sockets.error().message, HasSubstr("1 to 107"));
  }
  const auto nowhere = listenOn("unix:" + (directory_ / "missing" / "s").string());
  ASSERT_FALSE(nowhere.ok());
  EXPECT_THAT(nowhere.error().message, HasSubstr("No such file"));
}

}  // namespace
}  // namespace holdfast
