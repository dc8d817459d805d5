// Notices of connections. Peers can cause these as often as they like: see net/limited_warnings.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/notices/subjects.h"

namespace holdfast::notice {

struct AcceptFailed {
  static constexpr std::string_view kName = "accept_failed";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string listener;  // its address
  std::string error;
  uint64_t connections = 0;  // that are open

  void fields(auto& visit) const {
    visit("listener", std::string_view(listener));
    visit("error", std::string_view(error));
    visit("connections", connections);
  }
};

struct ConnectionsFull {
  static constexpr std::string_view kName = "connections_full";
  static constexpr NoticeLevel kLevel = kWarning;
  bool refused = false;  // the new one; else one that never said anything is closed for it
  uint64_t connections = 0;
  uint64_t max = 0;

  void fields(auto& visit) const {
    visit("refused", refused);
    visit("connections", connections);
    visit("max", max);
  }
};

// The controller closes it.
struct ConnectionClosed {
  static constexpr std::string_view kName = "connection_closed";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string peer;
  std::string reason;

  void fields(auto& visit) const {
    visit("peer", std::string_view(peer));
    visit("reason", std::string_view(reason));
  }
};

// Somebody was not let in, or may not do what they asked for.
struct AccessRefused {
  static constexpr std::string_view kName = "access_refused";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string who;  // name of the token; empty: none is known
  std::string peer;
  std::string cause;  // "unknown_token"; access/access_control.h has all of them
  std::string reason;

  void fields(auto& visit) const {
    visit("who", std::string_view(who));
    visit("peer", std::string_view(peer));
    visit("cause", std::string_view(cause));
    visit("reason", std::string_view(reason));
  }
};

// What came in by a gateway and cannot be used: a message, or a whole connection.
struct GatewayRefused {
  static constexpr std::string_view kName = "gateway_refused";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string gateway;  // "LMCache"
  std::string reason;

  void fields(auto& visit) const {
    visit("gateway", std::string_view(gateway));
    visit("reason", std::string_view(reason));
  }
};

// More of one kind of these than the log takes in a minute.
struct ConnectionNoticesLeftOut {
  static constexpr std::string_view kName = "connection_notices_left_out";
  static constexpr NoticeLevel kLevel = kWarning;
  size_t kind = 0;  // of those five: kNoticeKind
  uint64_t count = 0;

  void fields(auto& visit) const {
    visit("of", noticeName(kind));
    visit("count", count);
  }
};

}  // namespace holdfast::notice
