// Who is let in, and what a token file that changes does to those who are.
#include "access/access_control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string line(Role role, const std::string& name, const std::string& token,
                 std::vector<std::string> instances = {}) {
  return lineOf({role, name, hashOfToken(token), std::move(instances)}) + "\n";
}

class AccessControlTest : public testing::Test {
 protected:
  AccessControlTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "holdfast-access-XXXXXX";
    directory = mkdtemp(pattern.data());
    path = directory / "tokens";
    write(line(Role::kOperator, "alice", "a-token") +
          line(Role::kWorker, "pool", "w-token", {"llama-*"}));
  }
  ~AccessControlTest() override { std::filesystem::remove_all(directory); }

  void write(const std::string& text, mode_t mode = 0600) {
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
  }
  AccessControl open(bool off = false) { return AccessControl::open({path, off}).value(); }

  std::filesystem::path directory;
  std::filesystem::path path;
};

TEST_F(AccessControlTest, ATokenGrantsWhatItsLineSays) {
  const AccessControl access = open();
  const auto worker = access.authenticate("w-token", Trust::kNetwork);
  ASSERT_TRUE(worker.ok());
  EXPECT_EQ(worker.value().name, "pool");
  EXPECT_TRUE(worker.value().may(Permission::kReport));
  EXPECT_FALSE(worker.value().may(Permission::kLookUp));
  EXPECT_TRUE(worker.value().mayBe("llama-7"));
  EXPECT_FALSE(worker.value().mayBe("mistral-7"));
  EXPECT_EQ(access.authenticate("a-token", Trust::kLocal).value().name, "alice");
  EXPECT_EQ(access.mode(), "tokens");
}

TEST_F(AccessControlTest, TheNetworkNeedsOneAndAnyThatIsSentMustBeRight) {
  const AccessControl access = open();
  const AccessControl off = open(true);
  const AccessControl none = AccessControl::open({}).value();
  const struct {
    const AccessControl& access;
    std::string token;
    Trust trust;
    bool in;
  } cases[] = {
      {access, "", Trust::kNetwork, false},
      {access, "", Trust::kLocal, true},
      {access, "x", Trust::kLocal, false},
      {access, "x", Trust::kNetwork, false},
      {off, "", Trust::kNetwork, true},
      {off, "x", Trust::kNetwork, false},
      {none, "", Trust::kLocal, true},
      {none, "", Trust::kNetwork, false},
      {none, "x", Trust::kLocal, false},
      {access, "a-token\n", Trust::kNetwork, false},
      {access, "alice", Trust::kNetwork, false},
      // What the file has of it is no token.
      {access, line(Role::kOperator, "", "a-token").substr(10, 64), Trust::kNetwork, false},
      {access, std::string(kTokenBytesMax + 1, 'x'), Trust::kNetwork, false},
  };
  for (const auto& one : cases) {
    const auto granted = one.access.authenticate(one.token, one.trust);
    EXPECT_EQ(granted.ok(), one.in) << one.access.mode() << " '" << one.token << "'";
    if (granted.ok()) {
      EXPECT_EQ(granted.value().role, Role::kOperator);
      EXPECT_EQ(granted.value().name, "");
      continue;
    }
    EXPECT_EQ(granted.error().code, ErrorCode::kUnauthenticated);
    EXPECT_THAT(granted.error().message, Not(HasSubstr("alice")));
    if (one.token.size() > 1) {
      EXPECT_THAT(granted.error().message, Not(HasSubstr(one.token)));
    }
  }
  EXPECT_EQ(off.mode(), "off");
  EXPECT_EQ(none.mode(), "local");
}

TEST_F(AccessControlTest, ReadingAnewEndsWhatIsGoneOrChangedAndNothingElse) {
  AccessControl access = open();
  const Principal alice = access.authenticate("a-token", Trust::kNetwork).value();
  const Principal pool = access.authenticate("w-token", Trust::kNetwork).value();
  const Principal nobody = access.authenticate("", Trust::kLocal).value();

  // Moved, with another comment, and a new one.
  write("# new\n" + line(Role::kWorker, "pool", "w-token", {"llama-*"}) +
        line(Role::kRouter, "edge", "r-token") + line(Role::kOperator, "alice", "a-token"));
  EXPECT_FALSE(access.reload());
  EXPECT_TRUE(access.isValid(alice));
  EXPECT_TRUE(access.isValid(pool));
  EXPECT_TRUE(access.authenticate("r-token", Trust::kNetwork).ok());

  // Bound to others; gone.
  write(line(Role::kWorker, "pool", "w-token", {"mistral-*"}));
  EXPECT_FALSE(access.reload());
  EXPECT_FALSE(access.isValid(alice));
  EXPECT_FALSE(access.isValid(pool));
  EXPECT_TRUE(access.isValid(nobody));
  EXPECT_TRUE(access.isValid(access.authenticate("w-token", Trust::kNetwork).value()));

  // Back again: those who were let in before it was gone are not.
  write(line(Role::kOperator, "alice", "a-token"));
  EXPECT_FALSE(access.reload());
  EXPECT_FALSE(access.isValid(alice));
}

TEST_F(AccessControlTest, WhatCannotBeReadChangesNothing) {
  AccessControl access = open();
  const Principal alice = access.authenticate("a-token", Trust::kNetwork).value();
  write(line(Role::kOperator, "bob", "b-token") + "nonsense\n");
  auto wrong = access.reload();
  ASSERT_TRUE(wrong);
  EXPECT_THAT(wrong->message, HasSubstr(path.string() + ":2: "));
  write("");
  EXPECT_TRUE(access.reload());
  std::filesystem::remove(path);
  wrong = access.reload();
  ASSERT_TRUE(wrong);
  EXPECT_THAT(wrong->message, HasSubstr("cannot read the token file " + path.string()));
  EXPECT_TRUE(access.isValid(alice));
  EXPECT_EQ(access.tokens(), 2u);
  EXPECT_FALSE(access.authenticate("b-token", Trust::kNetwork).ok());
}

TEST_F(AccessControlTest, ReadsFilesOnly) {
  EXPECT_FALSE(AccessControl::open({directory / "none", false}).ok());
  EXPECT_FALSE(AccessControl::open({directory, false}).ok());
  const std::string pipe = directory / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_FALSE(AccessControl::open({pipe, false}).ok()) << "and does not wait for a writer";
}

TEST_F(AccessControlTest, WarnsOfAFileThatOthersGetAt) {
  const std::string text = line(Role::kOperator, "alice", "a-token");
  write(text, 0640);
  EXPECT_THAT(open().warnings(), IsEmpty());
  write(text, 0644);
  EXPECT_THAT(open().warnings(), ElementsAre(HasSubstr("can be read by everybody")));
  write(text, 0666);
  EXPECT_THAT(open().warnings(), ElementsAre(HasSubstr("can be written by others")));
}

TEST(AuthFailureTest, NamesDiffer) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kAuthFailures; ++i) names.insert(nameOf(static_cast<AuthFailure>(i)));
  EXPECT_EQ(names.size(), kAuthFailures);
}

}  // namespace
}  // namespace holdfast
