#include "tests/support/certificates.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

#include "core/check.h"

namespace holdfast::test {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using File = std::unique_ptr<FILE, decltype(&fclose)>;

File openFile(const std::string& path, const char* how) {
  File file(std::fopen(path.c_str(), how), &fclose);
  HOLDFAST_CHECK(file != nullptr, "no file %s", path.c_str());
  return file;
}

void addExtension(X509* certificate, int kind, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  HOLDFAST_CHECK(extension != nullptr, "no extension %s", value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate newCertificate(const std::string& name, EVP_PKEY* key, long fromSeconds,
                           long toSeconds) {
  static long serial = 1;
  Certificate certificate(X509_new(), &X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), fromSeconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), toSeconds);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

void writeAll(const CertificateFiles& files, X509* certificate, EVP_PKEY* key) {
  PEM_write_X509(openFile(files.certificate, "w").get(), certificate);
  PEM_write_PrivateKey(openFile(files.key, "w").get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  chmod(files.key.c_str(), S_IRUSR | S_IWUSR);
}

CertificateFiles filesOf(const std::filesystem::path& directory, const std::string& name) {
  return {(directory / (name + ".pem")).string(), (directory / (name + ".key")).string()};
}

constexpr long kDay = 86'400;

}  // namespace

Authority::Authority(std::filesystem::path directory, const std::string& name)
    : directory_(std::move(directory)), own_(filesOf(directory_, name)) {
  const Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const Certificate certificate = newCertificate(name, key.get(), -kDay, 10L * 365 * kDay);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  addExtension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  writeAll(own_, certificate.get(), key.get());
}

CertificateFiles Authority::issue(const std::string& name, long seconds) const {
  const Certificate issuer(
      PEM_read_X509(openFile(own_.certificate, "r").get(), nullptr, nullptr, nullptr), &X509_free);
  const Key issuerKey(PEM_read_PrivateKey(openFile(own_.key, "r").get(), nullptr, nullptr, nullptr),
                      &EVP_PKEY_free);
  const Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const Certificate certificate =
      newCertificate(name, key.get(), std::min(-kDay, seconds - kDay), seconds);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.get()));
  addExtension(certificate.get(), NID_subject_alt_name, "DNS:" + name);
  X509_sign(certificate.get(), issuerKey.get(), EVP_sha256());
  const CertificateFiles files = filesOf(directory_, name);
  writeAll(files, certificate.get(), key.get());
  return files;
}

}  // namespace holdfast::test
