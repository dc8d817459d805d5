// The HTTP door of the program: where it listens, what it says of the start and of the end.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "access/token_file.h"
#include "daemon_process.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// "127.0.0.1:PORT" of the line that says where HTTP is.
std::string httpAddressIn(const std::string& log) {
  const size_t at = log.find("HTTP on ");
  if (at == std::string::npos) return {};
  const size_t begin = at + std::string("HTTP on ").size();
  return log.substr(begin, log.find_first_of(" ,\n", begin) - begin);
}

// The whole answer to a GET; empty where nobody listens.
std::string get(const std::string& address, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.find(':') + 1))));
  std::string answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0) {
    const std::string request =
        "GET " + path + " HTTP/1.1\r\nHost: holdfast\r\nConnection: close\r\n\r\n";
    EXPECT_EQ(send(fd, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    std::array<char, 4096> buffer{};
    ssize_t had = 0;
    while ((had = recv(fd, buffer.data(), buffer.size(), 0)) > 0) {
      answer.append(buffer.data(), static_cast<size_t>(had));
    }
  }
  close(fd);
  return answer;
}

using HttpDoorTest = DaemonTest;

TEST_F(HttpDoorTest, AnswersWhereTheLogSays) {
  const auto daemon = start(onDataDir({"--http", "127.0.0.1:0"}));
  const std::string address = httpAddressIn(daemon->log());
  ASSERT_THAT(address, StartsWith("127.0.0.1:"));
  EXPECT_THAT(get(address, "/readyz"), HasSubstr(R"({"state":"ready","role":"alone"})"));
  EXPECT_THAT(get(address, "/livez"), HasSubstr("200 OK"));
  EXPECT_THAT(get(address, "/openapi.json"), HasSubstr("/v1/lookup"));
  EXPECT_THAT(get(address, "/nothing"), HasSubstr("404 Not Found"));
  daemon->signal(SIGTERM);
  EXPECT_EQ(daemon->wait(), 0);
  EXPECT_EQ(get(address, "/livez"), "");
}

TEST_F(HttpDoorTest, LmcachesRoutesAreEverywhereAndMayHaveAnAddressForThemAlone) {
  const auto daemon = start(onDataDir({"--http", "127.0.0.1:0", "--lmcache-http", "127.0.0.1:0"}));
  const std::string log = daemon->log();
  const std::string all = httpAddressIn(log);
  const size_t lmcache = log.find("LMCache's HTTP on ");
  const std::string alone = httpAddressIn(log.substr(lmcache));
  ASSERT_THAT(alone, StartsWith("127.0.0.1:"));
  EXPECT_GT(lmcache, log.find("created a new store")) << "its scripts can't be told 'not yet'";
  for (const std::string& address : {all, alone}) {
    for (const char* path : {"/controller/key-stats", "/metrics", "/readyz", "/openapi.json"}) {
      EXPECT_THAT(get(address, path), HasSubstr("200 OK")) << address << path;
    }
  }
  EXPECT_THAT(get(all, "/v1/status"), HasSubstr("200 OK"));
  EXPECT_THAT(get(alone, "/v1/status"), HasSubstr("404 Not Found"));
}

// Its scripts have no token.
TEST_F(HttpDoorTest, LmcachesRoutesAreOpenToANetworkOnlyWhereThatIsSaid) {
  const std::vector<std::string> onNetwork = {"--http", "off", "--lmcache-http", "0.0.0.0:0"};
  EXPECT_EQ(exitCodeOf(onDataDir(onNetwork)), 4);
  EXPECT_THAT(lastLog(), HasSubstr("refusing to listen on 0.0.0.0:0"));
  std::vector<std::string> insecure = onNetwork;
  insecure.emplace_back("--lmcache-insecure");
  {
    const auto daemon = start(onDataDir(insecure));
    EXPECT_THAT(get(httpAddressIn(daemon->log()), "/controller/key-stats"), HasSubstr("200 OK"));
  }
  const std::string tokens = (directory / "tokens").string();
  std::ofstream(tokens) << lineOf({Role::kViewer, "v", hashOfToken("v"), {}}) << "\n";
  insecure.insert(insecure.end(), {"--tokens", tokens});
  const auto daemon = start(onDataDir(insecure));
  EXPECT_THAT(get(httpAddressIn(daemon->log()), "/controller/key-stats"), HasSubstr("401 "));
}

TEST_F(HttpDoorTest, IsOffWhereThatIsSaid) {
  const auto daemon = start(onDataDir({"--http", "off"}));
  EXPECT_THAT(daemon->log(), Not(HasSubstr("HTTP on")));
}

TEST_F(HttpDoorTest, IsNotStartedOnAnAddressThatIsInUse) {
  const auto daemon = start(onDataDir({"--http", "127.0.0.1:0"}));
  const std::string address = httpAddressIn(daemon->log());
  std::filesystem::create_directory(directory / "other");
  EXPECT_EQ(exitCodeOf({.arguments = {"--data-dir", (directory / "other").string(), "--listen",
                                      "127.0.0.1:0", "--http", address},
                        .environment = {}}),
            4);
  EXPECT_THAT(lastLog(), HasSubstr("another process listens there"));
  EXPECT_THAT(get(address, "/readyz"), HasSubstr("200 OK"));
}

}  // namespace
}  // namespace holdfast::test
