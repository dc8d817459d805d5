#include "client/prepared_security.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

#include "client/controller_address.h"
#include "tls/pem.h"
#include "tls/tls_stream.h"

namespace holdfast {
namespace {

constexpr std::string_view kSystem = "system";
constexpr size_t kTokenFileBytesMax = 4'096;

Error unusable(const std::string& why) {
  return {ErrorCode::kUnavailable, why};
}

Result<std::string> tokenIn(const std::string& file) {
  errno = 0;
  std::ifstream in(file);
  std::string token(kTokenFileBytesMax, '\0');
  in.read(token.data(), static_cast<std::streamsize>(token.size()));
  if (!in.is_open() || in.bad()) {
    return unusable("cannot read the token file " + file + ": " + std::strerror(errno));
  }
  token.resize(static_cast<size_t>(in.gcount()));
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) {
    token.pop_back();
  }
  if (token.empty()) return unusable("the token file " + file + " is empty");
  if (token.find_first_of(" \t\r\n") != std::string::npos) {
    return unusable(
        "the token file " + file +
        " must have the token and nothing else; lines with roles are for the controller");
  }
  return token;
}

Result<kj::Own<kj::TlsContext>> contextOf(const ClientSecurity& security) {
  kj::TlsContext::Options options;
  options.minVersion = kj::TlsVersion::TLS_1_2;
  options.useSystemTrustStore = security.tlsCa == kSystem;
  std::vector<kj::TlsCertificate> authorities;
  if (!options.useSystemTrustStore) {
    auto read = readAuthorities(security.tlsCa);
    if (!read.ok()) return unusable(read.error().message);
    authorities = std::move(read.value());
    options.trustedCertificates = kj::arrayPtr(authorities.data(), authorities.size());
  }
  std::optional<kj::TlsKeypair> keypair;
  if (!security.tlsCert.empty()) {
    auto read = readKeypair(security.tlsCert, security.tlsKey);
    if (!read.ok()) return unusable(read.error().message);
    keypair.emplace(kj::mv(read.value()));
    options.defaultKeypair = *keypair;
  }
  try {
    return kj::heap<kj::TlsContext>(options);
  } catch (const kj::Exception& e) {
    return unusable(std::string("TLS cannot be prepared: ") + e.getDescription().cStr());
  }
}

}  // namespace

Result<PreparedSecurity> PreparedSecurity::read(const ClientSecurity& security,
                                                std::string_view controller) {
  PreparedSecurity prepared;
  prepared.token_ = security.token;
  if (!security.tokenFile.empty()) {
    auto token = tokenIn(security.tokenFile);
    if (!token.ok()) return token.error();
    prepared.token_ = std::move(token.value());
  }
  const std::string host = hostOf(controller);
  if (security.tlsCa.empty() || host.empty()) return prepared;
  prepared.serverName_ = security.tlsServerName.empty() ? host : security.tlsServerName;
  auto context = contextOf(security);
  if (!context.ok()) return context.error();
  prepared.context_ = kj::mv(context.value());
  return prepared;
}

kj::Promise<kj::Own<kj::AsyncIoStream>> PreparedSecurity::secure(
    kj::Own<kj::AsyncIoStream> socket) {
  if (!speaksTls()) return kj::mv(socket);
  kj::StringPtr name(serverName_.c_str(), serverName_.size());
  return context_->wrapClient(kj::mv(socket), name).then([](kj::Own<kj::AsyncIoStream>&& stream) {
    return endingPlainly(kj::mv(stream));
  });
}

}  // namespace holdfast
