// TLS for the listeners of both doors: certificate, key, and whose clients are let in.
//
// Where it is configured, every IP listener speaks TLS, loopback included, and nothing else; Unix
// sockets stay plain, since what passes through them never leaves the machine.
//
// With an authority of clients, who has no certificate of it is not let in. A certificate alone
// grants no role: that takes a token, as it does without. Its common name is who the log says it
// was where no token was sent.
#pragma once

#include <kj/compat/tls.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"

namespace holdfast {

struct TlsFiles {
  std::string certificate;  // PEM, with those between it and its authority
  std::string key;          // PEM, without a password
  std::string clientCa;     // PEM, authorities whose clients are let in; empty: all are
};

// On the loop's thread.
class ServerTls {
 public:
  // Reads the files. The error names the file and what is wrong with it.
  static Result<std::unique_ptr<ServerTls>> open(TlsFiles files);

  // Reads them anew: connections that come from now on have what they say, those that are there
  // keep what they had. An error changes nothing.
  std::optional<Error> reload();

  // What people should know of the files though they can be used, as sentences: a key that others
  // may read, a certificate that has expired or will within two weeks.
  std::vector<std::string> warnings() const;

  // Of the files as they were read last. Valid until reload().
  kj::TlsContext& context() const { return *context_; }
  // Whether clients must have a certificate.
  bool asksClients() const { return !files_.clientCa.empty(); }

 private:
  explicit ServerTls(TlsFiles files) : files_(std::move(files)) {}

  const TlsFiles files_;
  kj::Own<kj::TlsContext> context_;
};

}  // namespace holdfast
