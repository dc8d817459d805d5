// Notices of who came in, and what operators had done.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/notices/subjects.h"

namespace holdfast::notice {

// An operator's call has ended, of those that change something or work on caches.
struct OperatorCall {
  static constexpr std::string_view kName = "operator_call";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string who;   // name of the token; empty: none was needed
  std::string peer;  // where the call came from
  std::string call;  // "Operator.forget"
  std::string about = {};
  std::string error = {};  // why it failed; empty: it did not

  void fields(auto& visit) const {
    visit("who", std::string_view(who));
    visit("peer", std::string_view(peer));
    visit("call", std::string_view(call));
    visit("about", std::string_view(about));
    visit("error", std::string_view(error));
  }
};

// The token file was read anew.
struct TokensRead {
  static constexpr std::string_view kName = "tokens_read";
  static constexpr NoticeLevel kLevel = kInfo;
  uint64_t tokens = 0;
  uint64_t ended = 0;  // connections, of tokens that are gone or changed

  void fields(auto& visit) const {
    visit("tokens", tokens);
    visit("ended", ended);
  }
};

// It could not be; the former tokens stay in force.
struct TokensNotRead {
  static constexpr std::string_view kName = "tokens_not_read";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string error;

  void fields(auto& visit) const { visit("error", std::string_view(error)); }
};

}  // namespace holdfast::notice
