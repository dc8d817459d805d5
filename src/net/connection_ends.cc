#include "net/connection_ends.h"

namespace holdfast {
namespace {

constexpr std::array<std::string_view, kConnectionEnds> kEndNames = {
    "peer_left",     "malformed",    "unread",        "deserted",  "silent",          "made_room",
    "refused",       "address_full", "held_too_much", "held_most", "unauthenticated", "token_gone",
    "tls_handshake", "plaintext",    "tls_on_plain",  "stopped",   "sent_on"};

}  // namespace

std::string_view nameOf(ConnectionEnd end) {
  return kEndNames[static_cast<size_t>(end)];
}

}  // namespace holdfast
