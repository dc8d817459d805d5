// What ClientSecurity comes to for one connection: its files read, and TLS put on its socket. Also
// for tools that have a connection of their own.
#pragma once

#include <kj/async-io.h>
#include <kj/compat/tls.h>

#include <string>
#include <string_view>

#include "client/security.h"
#include "core/result.h"

namespace holdfast {

class PreparedSecurity {
 public:
  // `controller` is a valid address. The error, a sentence, names the file and what is wrong: its
  // code is kUnavailable, for a file may be mended.
  static Result<PreparedSecurity> read(const ClientSecurity& security, std::string_view controller);

  const std::string& token() const { return token_; }
  bool speaksTls() const { return context_.get() != nullptr; }
  // The stream to talk over: `socket` itself without TLS, else when the handshake is done. This
  // must outlive the promise.
  kj::Promise<kj::Own<kj::AsyncIoStream>> secure(kj::Own<kj::AsyncIoStream> socket);

 private:
  std::string token_;
  std::string serverName_;
  kj::Own<kj::TlsContext> context_;  // null: no TLS
};

}  // namespace holdfast
