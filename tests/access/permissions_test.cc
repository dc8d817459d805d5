// What the table of permissions promises, and which instances a pattern means.
#include "access/permissions.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>

#include "access/caller.h"

namespace holdfast {
namespace {

TEST(PermissionsTest, ChangesAreForOperatorsAndReportsForWorkers) {
  for (size_t i = 0; i < kRoles; ++i) {
    const Role role = static_cast<Role>(i);
    EXPECT_EQ(roleNamed(nameOf(role)), role);
    EXPECT_TRUE(allows(role, Permission::kOpen));
    EXPECT_EQ(allows(role, Permission::kManage), role == Role::kOperator);
    EXPECT_EQ(allows(role, Permission::kOperate), role == Role::kOperator);
    EXPECT_EQ(allows(role, Permission::kReport), role == Role::kWorker || role == Role::kOperator);
    EXPECT_EQ(allows(role, Permission::kLookUp), role == Role::kRouter || role == Role::kOperator);
    EXPECT_EQ(allows(role, Permission::kStatus), role != Role::kWorker && role != Role::kReplica);
    EXPECT_EQ(allows(role, Permission::kCopy), role == Role::kReplica || role == Role::kOperator);
  }
  EXPECT_EQ(roleNamed("root"), std::nullopt);
  std::set<std::string_view> names;
  for (size_t i = 0; i < kPermissions; ++i) names.insert(nameOf(static_cast<Permission>(i)));
  EXPECT_EQ(names.size(), kPermissions);
}

TEST(PrincipalTest, PatternsNameInstances) {
  const struct {
    const char* pattern;
    const char* instance;
    bool matches;
  } cases[] = {
      {"llama", "llama", true},       {"llama", "llama-0", false}, {"llama-*", "llama-", true},
      {"llama-*", "llama-0", true},   {"*", "anything", true},     {"*", "", true},
      {"*-gpu", "a-gpu-gpu", true},   {"*-gpu", "a-gpu-1", false}, {"a*b*c", "a-b-b-c", true},
      {"a*b*c", "a-c-b", false},      {"l*", "Llama", false},      {"a**", "a", true},
      {"llama-*", "xllama-0", false},
  };
  for (const auto& one : cases) {
    const Principal worker{"w", Role::kWorker, {"other", one.pattern}, 1};
    EXPECT_EQ(worker.mayBe(one.instance), one.matches) << one.pattern << ' ' << one.instance;
  }
  EXPECT_TRUE(Principal{}.mayBe("anything"));
  const Principal any{"w", Role::kWorker, {"*"}, 1};
  EXPECT_TRUE(any.mayBe(std::string(256, 'a')));
  EXPECT_FALSE(any.mayBe(std::string(257, 'a'))) << "that is no id";
}

}  // namespace
}  // namespace holdfast
