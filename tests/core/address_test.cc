#include "core/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace holdfast {
namespace {

using testing::HasSubstr;

TEST(AddressTest, TakesItsThreeForms) {
  const Address name = parseAddress("localhost:7440").value();
  EXPECT_EQ(name.host, "localhost");
  EXPECT_EQ(name.port, 7440);
  EXPECT_FALSE(name.isUnix());
  const Address v6 = parseAddress("[::1]:65535").value();
  EXPECT_EQ(v6.host, "::1");
  EXPECT_EQ(v6.port, 65535);
  const Address path = parseAddress("unix:/run/hold:fast.sock").value();
  EXPECT_TRUE(path.isUnix());
  EXPECT_EQ(path.unixPath, "/run/hold:fast.sock");
  EXPECT_TRUE(parseAddress("unix:" + std::string(kUnixPathBytesMax, 'x')).ok());
}

TEST(AddressTest, SaysWhatIsWrongAndWhatAnAddressLooksLike) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"", "it has no port"},
      {"localhost", "it has no port"},
      {"localhost:", "it has no port"},
      {"7440", "it has no port"},
      {":7440", "it has no host"},
      {"[]:7440", "it has no host"},
      {"localhost:x", "\"x\" is no port"},
      {"localhost:-1", "\"-1\" is no port"},
      {"localhost:+1", "is no port"},
      {"127.0.0.1:65536", "is no port"},
      {"::1:7440", "brackets"},
      {"http://localhost:7440", "it is a URL"},
      {"/run/holdfast.sock", "unix:"},
      {"unix:", "it has no path"},
      {"unix:" + std::string(kUnixPathBytesMax + 1, 'x'), "108 bytes"},
      {std::string("local\0host:1", 12), "zero byte"},
      {std::string("unix:a\0b", 8), "zero byte"},
  };
  for (const auto& [text, why] : wrong) {
    const auto parsed = parseAddress(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(parsed.error().message, HasSubstr(why));
    EXPECT_THAT(parsed.error().message, HasSubstr("127.0.0.1:7440"));
  }
}

}  // namespace
}  // namespace holdfast
