// Certificates for tests, made on the spot: an authority and what it signs.
#pragma once

#include <filesystem>
#include <string>

namespace holdfast::test {

// Files in PEM.
struct CertificateFiles {
  std::string certificate;
  std::string key;
};

class Authority {
 public:
  // Makes its certificate as DIRECTORY/NAME.pem.
  Authority(std::filesystem::path directory, const std::string& name);

  const std::string& file() const { return own_.certificate; }
  // For a server or a client called `name`, which is also its host name: DIRECTORY/NAME.pem and
  // .key. Valid for so many seconds from now on; below 0: it has expired.
  CertificateFiles issue(const std::string& name, long seconds = 86'400L * 365) const;

 private:
  const std::filesystem::path directory_;
  CertificateFiles own_;
};

}  // namespace holdfast::test
