#include "net/tls.h"

#include <utility>

#include "tls/pem.h"

namespace holdfast {
namespace {

constexpr int64_t kDaySeconds = 86'400;
constexpr int64_t kExpiresSoonSeconds = 14 * kDaySeconds;

Result<std::unique_ptr<kj::TlsContext>> contextOf(const TlsFiles& files) {
  auto keypair = readKeypair(files.certificate, files.key);
  if (!keypair.ok()) return keypair.error();
  kj::TlsContext::Options options;
  // Authorities of servers say nothing of clients.
  options.useSystemTrustStore = false;
  options.defaultKeypair = keypair.value();
  options.minVersion = kj::TlsVersion::TLS_1_2;
  std::vector<kj::TlsCertificate> authorities;
  if (!files.clientCa.empty()) {
    auto read = readAuthorities(files.clientCa);
    if (!read.ok()) return read.error();
    authorities = std::move(read.value());
    options.verifyClients = true;
    options.trustedCertificates = kj::arrayPtr(authorities.data(), authorities.size());
  }
  try {
    return std::make_unique<kj::TlsContext>(options);
  } catch (const kj::Exception& e) {
    return Error{ErrorCode::kInvalid, "TLS takes neither " + files.certificate + " nor " +
                                          files.key + ": " + e.getDescription().cStr()};
  }
}

}  // namespace

Result<std::unique_ptr<ServerTls>> ServerTls::open(TlsFiles files) {
  std::unique_ptr<ServerTls> tls(new ServerTls(std::move(files)));
  if (auto error = tls->reload()) return *std::move(error);
  return tls;
}

std::optional<Error> ServerTls::reload() {
  auto context = contextOf(files_);
  if (!context.ok()) return context.error();
  context_ = std::move(context.value());
  return std::nullopt;
}

std::vector<std::string> ServerTls::warnings() const {
  std::vector<std::string> all;
  if (readableByOthers(files_.key)) {
    all.push_back("every user of this machine can read the private key " + files_.key +
                  "; take that away (chmod o-r)");
  }
  const auto seconds = secondsValid(files_.certificate);
  if (seconds && *seconds < 0) {
    all.push_back("the certificate in " + files_.certificate +
                  " has expired, so clients will not connect; put a new one there and reload");
  } else if (seconds && *seconds < kExpiresSoonSeconds) {
    all.push_back("the certificate in " + files_.certificate + " expires in " +
                  std::to_string(*seconds / kDaySeconds) + " days");
  }
  return all;
}

}  // namespace holdfast
