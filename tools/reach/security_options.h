// The options by which every program says who it is to a controller, and whom it trusts.
#pragma once

#include "client/security.h"

namespace CLI {
class App;
}  // namespace CLI

namespace holdfast::reach {

// --token-file, --tls-ca, --tls-cert, --tls-key and --tls-server-name, in a group of their own.
// `security` outlives the parsing; check it with validate() after that.
void addSecurityOptions(CLI::App& app, ClientSecurity& security);

}  // namespace holdfast::reach
