#include "client/security.h"

namespace holdfast {

std::optional<Error> ClientSecurity::validate() const {
  const auto invalid = [](const char* why) { return Error{ErrorCode::kInvalid, why}; };
  if (!token.empty() && !tokenFile.empty()) {
    return invalid("there are a token and a file with a token: give one of them");
  }
  if (tlsCert.empty() != tlsKey.empty()) {
    return invalid("a certificate (tls-cert) and its key (tls-key) go together: give both or none");
  }
  if (tlsCa.empty() && (!tlsCert.empty() || !tlsServerName.empty())) {
    return invalid(
        "TLS needs to know whom to trust: give tls-ca, a file of authorities or 'system'");
  }
  return std::nullopt;
}

}  // namespace holdfast
