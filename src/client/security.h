// How a client shows who it is, and knows that it talks to the right controller.
//
// TLS is spoken where `tlsCa` says whom to trust, and only then: a controller with TLS answers
// nobody who does not, and one without nobody who does. Unix sockets are always plain. Files are
// read anew for each connection, so that what is renewed is used without a restart.
#pragma once

#include <optional>
#include <string>

#include "core/result.h"

namespace holdfast {

struct ClientSecurity {
  std::string token = {};      // a line of the controller's --tokens knows it; empty: none
  std::string tokenFile = {};  // in its place, a file with the token alone
  // PEM: the authorities of the controller's certificate; "system": those that this machine trusts;
  // empty: no TLS.
  std::string tlsCa = {};
  // PEM: a certificate and its key, without a password, for a controller that asks for one
  // (--tls-client-ca). Both or none.
  std::string tlsCert = {};
  std::string tlsKey = {};
  // A host name that the controller's certificate must have; empty: the host of its address. To be
  // given where the address is a number, since certificates are looked through for names.
  std::string tlsServerName = {};

  // kInvalid, with what is wrong as a sentence; nothing if all is valid. Reads no file.
  std::optional<Error> validate() const;
};

}  // namespace holdfast
