// Certificates and keys as files have them (PEM), for KJ's TLS.
#pragma once

#include <kj/compat/tls.h>

#include <string>
#include <vector>

#include "core/result.h"

namespace holdfast {

// Errors name the file and say what is wrong with it: a sentence without a full stop. kUnavailable
// where it cannot be read, kInvalid where it is not what it should be.

// Of a server or a client, with those between it and its authority behind it, at most 9.
Result<kj::TlsCertificate> readCertificate(const std::string& file);
// Authorities: each certificate in the file, at least one.
Result<std::vector<kj::TlsCertificate>> readAuthorities(const std::string& file);
// The key that belongs to readCertificate(certificateFile). One with a password is refused.
Result<kj::TlsKeypair> readKeypair(const std::string& certificateFile, const std::string& keyFile);

// Whether others than the file's owner and its group may read it.
bool readableByOthers(const std::string& file);

// What an exception of KJ's TLS means, as a clause: "its certificate has expired". Empty: it is not
// about TLS.
std::string tlsReason(const kj::Exception& exception);

}  // namespace holdfast
