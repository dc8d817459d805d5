#include "serving/audit.h"

#include "core/notice.h"

namespace holdfast {

void Audit::refused(AuthFailure failure, const Caller& caller, std::string_view why) {
  ++failures_[static_cast<size_t>(failure)];
  warnings_.say(notice::AccessRefused{caller.principal.name, caller.peer,
                                      std::string(nameOf(failure)), std::string(why)});
}

void Audit::operated(const Caller& caller, std::string_view call, std::string_view about,
                     std::string_view error) {
  notices_.notice(notice::OperatorCall{caller.principal.name, caller.peer, std::string(call),
                                       std::string(about), std::string(error)});
}

std::optional<Error> mayNot(const Principal& principal, Permission asked, std::string_view call) {
  if (principal.may(asked)) return std::nullopt;
  return Error{ErrorCode::kDenied, "the token '" + principal.name + "' has the role " +
                                       std::string(nameOf(principal.role)) +
                                       ", which does not include " + std::string(nameOf(asked)) +
                                       " (" + std::string(call) + ")"};
}

}  // namespace holdfast
