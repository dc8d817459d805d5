// Which addresses may connect to sockets of a context. ZeroMQ asks for every connection, over its
// authentication protocol (ZAP, https://rfc.zeromq.org/spec/27), before it takes a byte of it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateways/zmq/socket.h"

namespace holdfast::gateways {

// Addresses that begin alike; IPv4 ones as IPv6 ones that are mapped.
struct AddressRange {
  std::array<uint8_t, 16> address{};
  unsigned bits = 128;  // how many of them count

  bool contains(const std::array<uint8_t, 16>& other) const;
};

// "192.0.2.7", "10.0.0.0/8", "fd00::/8"; nothing: it is none.
std::optional<AddressRange> parseAddressRange(std::string_view text);
// Whether an address, as a number, is within one of them. No ranges: all are.
bool within(const std::vector<AddressRange>& ranges, std::string_view address);

// On the loop's thread, one for a context; made before the first guarded socket is bound.
class PeerFilter {
 public:
  // `refused` is called with the address of each connection that is turned away.
  PeerFilter(SocketLoop& loop, std::vector<AddressRange> allowed,
             std::function<void(std::string_view address)> refused);

  // From its bind() on only these may connect to the socket.
  static void guard(Socket& socket);

 private:
  kj::Promise<void> answer();

  Socket socket_;
  const std::vector<AddressRange> allowed_;
  const std::function<void(std::string_view)> refused_;
  kj::Promise<void> answering_ = nullptr;
};

}  // namespace holdfast::gateways
