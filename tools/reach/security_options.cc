#include "reach/security_options.h"

#include <CLI/CLI.hpp>

namespace holdfast::reach {

void addSecurityOptions(CLI::App& app, ClientSecurity& security) {
  constexpr const char* kGroup = "Access";
  app.add_option("--token-file", security.tokenFile,
                 "File with the token that the controller knows this program by, alone in it")
      ->type_name("FILE")
      ->envname("HOLDFAST_TOKEN_FILE")
      ->group(kGroup);
  app.add_option("--tls-ca", security.tlsCa,
                 "Speak TLS, and trust controllers whose certificate is of an authority in this "
                 "file (PEM); 'system': of one that this machine trusts. Unix sockets stay plain")
      ->type_name("FILE")
      ->envname("HOLDFAST_TLS_CA")
      ->group(kGroup);
  app.add_option("--tls-cert", security.tlsCert,
                 "This program's certificate (PEM), for a controller that asks for one")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--tls-key", security.tlsKey, "Its private key (PEM, without a password)")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--tls-server-name", security.tlsServerName,
                 "Host name that the controller's certificate must have; default: the host of its "
                 "address, which must be a name then, no number")
      ->type_name("NAME")
      ->group(kGroup);
}

}  // namespace holdfast::reach
