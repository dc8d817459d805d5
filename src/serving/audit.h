// What is kept of who was refused, and of what operators had done: lines of the log, and counts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "access/access_control.h"
#include "access/caller.h"
#include "core/notice_sink.h"
#include "core/result.h"
#include "net/limited_warnings.h"

namespace holdfast {

// On the loop's thread.
class Audit {
 public:
  // Both outlive it.
  Audit(NoticeSink& notices, LimitedWarnings& warnings) : notices_(notices), warnings_(warnings) {}

  // Somebody was not let in, or may not do what they asked for: counted, and said a few times a
  // minute. `caller` without a name: no token is known. Never give it a token.
  void refused(AuthFailure failure, const Caller& caller, std::string_view why);

  // A call of an operator has ended, of those that ask for kOperate or kManage. `call` names it,
  // `about` what it was about, `error` says why it failed; empty: it did not.
  void operated(const Caller& caller, std::string_view call, std::string_view about,
                std::string_view error);

  // Since the start.
  uint64_t failures(AuthFailure failure) const { return failures_[static_cast<size_t>(failure)]; }

 private:
  NoticeSink& notices_;
  LimitedWarnings& warnings_;
  std::array<uint64_t, kAuthFailures> failures_{};
};

// Why a caller may not do what asks for `asked`; `call` names it. Nothing if they may.
std::optional<Error> mayNot(const Principal& principal, Permission asked, std::string_view call);

}  // namespace holdfast
