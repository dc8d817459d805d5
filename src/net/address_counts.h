// How many connections each address has, so that one host cannot take all there are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

struct sockaddr;

namespace holdfast {

// Where a peer connects from: an IPv4 address, or the network of an IPv6 address (/64), which is
// what one host has. Unix sockets have none.
struct PeerAddress {
  std::array<uint8_t, 8> bytes{};
  bool known = false;

  bool operator==(const PeerAddress&) const = default;
};
PeerAddress peerAddressOf(const sockaddr* address);

// On the loop's thread.
class AddressCounts {
 public:
  explicit AddressCounts(size_t max) : max_(max) {}

  // False: the address has as many as it may have, and this one was not counted.
  bool enter(const PeerAddress& address);
  // Of one that entered.
  void leave(const PeerAddress& address);
  size_t of(const PeerAddress& address) const;

 private:
  struct Hash {
    size_t operator()(const PeerAddress& address) const;
  };
  const size_t max_;
  std::unordered_map<PeerAddress, size_t, Hash> counts_;
};

}  // namespace holdfast
