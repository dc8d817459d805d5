#include "access/permissions.h"

#include <array>

namespace holdfast {
namespace {

struct Row {
  std::string_view name;
  bool worker;
  bool router;
  bool viewer;
  bool replica;
};

// By Permission. Operators may do everything.
constexpr std::array<Row, kPermissions> kTable = {{
    //                       worker  router  viewer  replica
    {"what is open to all", true, true, true, true},
    {"a worker's reports", true, false, false, false},
    {"look-ups", false, true, false, false},
    {"queries", false, true, true, false},
    {"the watch stream", false, true, true, false},
    {"the status", false, true, true, false},
    {"metrics", false, false, true, false},
    {"cache operations", false, false, false, false},
    {"an operator's orders", false, false, false, false},
    {"copies of the store", false, false, false, true},
}};
constexpr std::array<std::string_view, kRoles> kRoleNames = {"worker", "router", "operator",
                                                             "viewer", "replica"};

}  // namespace

std::string_view nameOf(Role role) {
  return kRoleNames[static_cast<size_t>(role)];
}

std::optional<Role> roleNamed(std::string_view name) {
  for (size_t role = 0; role < kRoles; ++role) {
    if (kRoleNames[role] == name) return static_cast<Role>(role);
  }
  return std::nullopt;
}

std::string_view nameOf(Permission permission) {
  return kTable[static_cast<size_t>(permission)].name;
}

bool allows(Role role, Permission permission) {
  const Row& row = kTable[static_cast<size_t>(permission)];
  switch (role) {
    case Role::kWorker:
      return row.worker;
    case Role::kRouter:
      return row.router;
    case Role::kOperator:
      return true;
    case Role::kViewer:
      return row.viewer;
    case Role::kReplica:
      return row.replica;
  }
  return false;
}

}  // namespace holdfast
