// Who may do what: the one table that both doors ask.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast {

enum class Role : uint8_t { kWorker, kRouter, kOperator, kViewer, kReplica };
inline constexpr size_t kRoles = 5;
std::string_view nameOf(Role role);  // "worker", "router", "operator", "viewer", "replica"
std::optional<Role> roleNamed(std::string_view name);

// What a method or a route asks for. Every one of both doors names one of these.
enum class Permission : uint8_t {
  kOpen,     // probes, the version, the description of the HTTP interface: whoever connects
  kReport,   // register as a worker, report, sync, P2P look-up
  kLookUp,   // look-ups
  kQuery,    // who is there: instances, workers, pins, cache operations and how they ended
  kWatch,    // the stream of what comes and goes
  kStatus,   // status and what has diverged
  kMetrics,  // a scrape
  kOperate,  // cache operations: clear, pin, compress, decompress, move, health
  kManage,   // forget, drain, sync, capture, backup, log level, sources of events
  kCopy,     // the whole store, as another controller of the group begins with it
};
inline constexpr size_t kPermissions = 10;
std::string_view nameOf(
    Permission permission);  // "look-ups": for a sentence that says what is denied

// An operator may do everything; kOpen is for everybody, whoever they are.
bool allows(Role role, Permission permission);

}  // namespace holdfast
