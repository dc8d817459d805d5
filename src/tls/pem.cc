#include "tls/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>

namespace holdfast {
namespace {

constexpr size_t kFileBytesMax = 4 << 20;  // all authorities of a system are 0.3 MB
constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";

Error wrong(const std::string& file, const std::string& why) {
  return {ErrorCode::kInvalid, file + " " + why};
}

Result<std::string> contentsOf(const std::string& file) {
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (!in.is_open() || in.bad()) {
    return Error{ErrorCode::kUnavailable, "cannot read " + file + ": " + std::strerror(errno)};
  }
  if (text.size() > kFileBytesMax) return wrong(file, "is too large for a PEM file");
  return text;
}

// KJ and OpenSSL read from memory alike: what one cannot, the other cannot.
template <typename T>
Result<T> parsed(const std::string& file, const std::string& text, const char* what) {
  try {
    return T(kj::StringPtr(text.c_str(), text.size()));
  } catch (const kj::Exception&) {
    ERR_clear_error();
    return wrong(file, std::string("has no ") + what + " that can be read (PEM)");
  }
}

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Bio over(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
}

Certificate firstCertificate(const std::string& text) {
  const Bio bio = over(text);
  Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &X509_free);
  ERR_clear_error();
  return certificate;
}

int noPassword(char*, int, int, void*) {
  return 0;
}

// KJ would take any pair, and every handshake would fail.
bool belongTogether(const std::string& certificateText, const std::string& keyText) {
  const Certificate certificate = firstCertificate(certificateText);
  const Bio bio = over(keyText);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &noPassword, nullptr), &EVP_PKEY_free);
  const bool together = certificate != nullptr && key != nullptr &&
                        X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  return together;
}

}  // namespace

Result<kj::TlsCertificate> readCertificate(const std::string& file) {
  const auto text = contentsOf(file);
  if (!text.ok()) return text.error();
  return parsed<kj::TlsCertificate>(file, text.value(), "certificate");
}

Result<std::vector<kj::TlsCertificate>> readAuthorities(const std::string& file) {
  const auto text = contentsOf(file);
  if (!text.ok()) return text.error();
  std::vector<kj::TlsCertificate> authorities;
  // One by one: KJ takes what it reads at once for one chain.
  for (size_t at = text.value().find(kBegin); at != std::string::npos;) {
    const size_t next = text.value().find(kBegin, at + kBegin.size());
    auto one = parsed<kj::TlsCertificate>(file, text.value().substr(at, next - at), "certificate");
    if (!one.ok()) return one.error();
    authorities.push_back(kj::mv(one.value()));
    at = next;
  }
  if (authorities.empty()) return wrong(file, "has no certificate that can be read (PEM)");
  return authorities;
}

Result<kj::TlsKeypair> readKeypair(const std::string& certificateFile, const std::string& keyFile) {
  auto certificate = readCertificate(certificateFile);
  if (!certificate.ok()) return certificate.error();
  const auto text = contentsOf(keyFile);
  if (!text.ok()) return text.error();
  if (text.value().find("ENCRYPTED") != std::string::npos) {
    return wrong(keyFile, "has a password, which nobody could type in: write the key without one");
  }
  auto key = parsed<kj::TlsPrivateKey>(keyFile, text.value(), "private key");
  if (!key.ok()) return key.error();
  const auto certificateText = contentsOf(certificateFile);
  if (!certificateText.ok()) return certificateText.error();
  if (!belongTogether(certificateText.value(), text.value())) {
    return wrong(keyFile, "is not the key of the certificate in " + certificateFile);
  }
  return kj::TlsKeypair{kj::mv(key.value()), kj::mv(certificate.value())};
}

bool readableByOthers(const std::string& file) {
  struct stat found {};
  return stat(file.c_str(), &found) == 0 && (found.st_mode & S_IROTH) != 0;
}

std::optional<int64_t> secondsValid(const std::string& certificateFile) {
  const auto text = contentsOf(certificateFile);
  if (!text.ok()) return std::nullopt;
  const Certificate certificate = firstCertificate(text.value());
  int days = 0;
  int seconds = 0;
  if (certificate == nullptr ||
      ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate.get())) != 1) {
    return std::nullopt;
  }
  return int64_t{days} * 86'400 + seconds;
}

}  // namespace holdfast
