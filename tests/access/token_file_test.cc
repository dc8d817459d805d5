// Token files as people write them, and what they are told of their mistakes.
#include "access/token_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "access/new_token.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// SHA-256 of "alpha" and "beta", as sha256sum prints them.
const std::string kAlpha = "8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8";
const std::string kBeta = "f44e64e75f3948e9f73f8dfa94721c4ce8cbb4f265c4790c702b2d41cfbf2753";

std::string errorOf(const std::string& text) {
  const auto parsed = parseTokenFile(text, "tokens");
  return parsed.ok() ? "no error" : parsed.error().message;
}

TEST(TokenFileTest, ReadsWhatPeopleWrite) {
  const auto parsed =
      parseTokenFile("# who may come in\r\n\n  worker\tgpu-pool  " + kAlpha +
                         "  instances=llama-*,mistral-0 # ours\n" + "viewer grafana@ops " + kBeta,
                     "tokens");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_THAT(
      parsed.value(),
      ElementsAre(
          TokenEntry{Role::kWorker, "gpu-pool", hashOfToken("alpha"), {"llama-*", "mistral-0"}},
          TokenEntry{Role::kViewer, "grafana@ops", hashOfToken("beta"), {}}));
}

TEST(TokenFileTest, ErrorsNameTheLineAndWhatIsWrong) {
  const std::string good = "operator alice " + kAlpha + "\n";
  const struct {
    std::string line;
    const char* says;
  } cases[] = {
      {"admin bob " + kBeta, "begins with a role: worker, router, operator, viewer or replica"},
      {"Operator bob " + kBeta, "begins with a role"},
      {"operator bob", "'holdfast-ctl token new' makes one"},
      {"operator b/ob " + kBeta, "letters, digits"},
      {"operator " + std::string(65, 'b') + " " + kBeta, "1 to 64"},
      {"operator bob " + kBeta.substr(1), "64 hexadecimal digits"},
      {"operator bob g" + kBeta.substr(1), "64 hexadecimal digits"},
      {"operator bob e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
       "of an empty token"},
      {"operator bob " + kBeta + " forever", "only instances=PATTERN,..."},
      {"worker bob " + kBeta + " instances=a, b", "without blanks"},
      {"worker bob " + kBeta + " instances=", "pattern of instances"},
      {"worker bob " + kBeta + " instances=a,,b", "pattern of instances"},
      {"worker bob " + kBeta + " instances=" + std::string(257, 'a'), "pattern of instances"},
      {"router bob " + kBeta + " instances=a", "role worker only"},
      {"operator alice " + kBeta, "the name alice is that of line 1"},
      {"operator bob " + kAlpha, "the token is that of line 1"},
      {std::string("operator bob \0", 14) + kBeta, "64 hexadecimal digits"},
      {"#" + std::string(kTokenLineBytesMax, ' '), "at most 4096 bytes, this one has 4097"},
  };
  for (const auto& one : cases) {
    EXPECT_THAT(errorOf(good + "\n" + one.line + "\n"), StartsWith("tokens:3: ")) << one.line;
    EXPECT_THAT(errorOf(good + "\n" + one.line + "\n"), HasSubstr(one.says)) << one.line;
  }
}

// Somebody may take the token for what belongs into the file; errors end in logs.
TEST(TokenFileTest, ErrorsQuoteNothingThatMayBeAToken) {
  const std::string token = "hf_secret";
  for (const std::string& line :
       {token, "operator " + token, "operator bob " + token, token + " bob " + kAlpha,
        "operator bob " + kAlpha + " " + token, "operator bob/" + token + " " + kAlpha}) {
    EXPECT_THAT(errorOf(line), Not(HasSubstr("secret"))) << line;
    EXPECT_THAT(errorOf(line), StartsWith("tokens:1: ")) << line;
  }
}

// A file that an editor has emptied for a moment must not lock everybody out.
TEST(TokenFileTest, AFileWithoutTokensIsRefused) {
  EXPECT_THAT(errorOf(""), HasSubstr("it has no token"));
  EXPECT_THAT(errorOf("# nobody\n\n"), HasSubstr("it has no token"));
}

TEST(TokenFileTest, IsBounded) {
  EXPECT_THAT(errorOf(std::string(kTokenFileBytesMax + 1, '\n')), HasSubstr("1048576 bytes"));
  std::string text;
  for (size_t i = 0; i <= kTokensMax; ++i) {
    const std::string number = std::to_string(i);
    text += lineOf({Role::kViewer, number, hashOfToken(number), {}}) + "\n";
  }
  EXPECT_THAT(errorOf(text), StartsWith("tokens:4097: at most 4096 tokens"));
}

TEST(NewTokenTest, ItsLineRecognisesItAlone) {
  const auto made = newToken(Role::kWorker, "gpu-pool", {"llama-*", "m#1"});
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_THAT(made.value().token, testing::MatchesRegex("hf_[0-9a-f]{64}"));
  const auto parsed = parseTokenFile(made.value().line, "tokens");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_THAT(parsed.value(),
              ElementsAre(TokenEntry{
                  Role::kWorker, "gpu-pool", hashOfToken(made.value().token), {"llama-*", "m#1"}}));
  EXPECT_THAT(made.value().line, Not(HasSubstr(made.value().token)));
  EXPECT_NE(newToken(Role::kWorker, "gpu-pool", {}).value().token, made.value().token);
}

TEST(NewTokenTest, RefusesWhatNoFileCouldHave) {
  const struct {
    Role role;
    std::string name;
    std::vector<std::string> instances;
  } cases[] = {
      {Role::kViewer, "", {}},          {Role::kViewer, "a b", {}},     {Role::kViewer, "a", {"x"}},
      {Role::kWorker, "a", {"x y"}},    {Role::kWorker, "a", {"x,y"}},  {Role::kWorker, "a", {""}},
      {Role::kWorker, "a\nviewer", {}}, {Role::kWorker, "a", {"x #y"}},
  };
  for (const auto& one : cases) {
    EXPECT_FALSE(newToken(one.role, one.name, one.instances).ok()) << one.name;
  }
}

}  // namespace
}  // namespace holdfast
