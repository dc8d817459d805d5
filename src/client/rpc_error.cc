#include "client/rpc_error.h"

#include <string_view>

namespace holdfast {

Error toError(const kj::Exception& exception) {
  // Each hop of an exception through Cap'n Proto puts this in front.
  constexpr std::string_view kHop = "remote exception: ";
  std::string_view text(exception.getDescription().begin(), exception.getDescription().size());
  while (text.starts_with(kHop)) text.remove_prefix(kHop.size());
  ErrorCode code = ErrorCode::kUnavailable;
  if (text.starts_with("superseded:")) code = ErrorCode::kSuperseded;
  if (text.starts_with("refused:")) code = ErrorCode::kRefused;
  if (text.starts_with("invalid:")) code = ErrorCode::kInvalid;
  return {code, std::string(text)};
}

kj::Exception failure(std::string_view description) {
  return {kj::Exception::Type::FAILED, __FILE__, __LINE__,
          kj::heapString(description.data(), description.size())};
}

}  // namespace holdfast
