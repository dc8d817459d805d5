#include "net/address_counts.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <functional>
#include <string_view>

namespace holdfast {

PeerAddress peerAddressOf(const sockaddr* address) {
  PeerAddress peer;
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    std::memcpy(peer.bytes.data() + 4, &v4->sin_addr, sizeof(v4->sin_addr));
    peer.known = true;
  } else if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
      std::memcpy(peer.bytes.data() + 4, v6->sin6_addr.s6_addr + 12, 4);
    } else {
      std::memcpy(peer.bytes.data(), v6->sin6_addr.s6_addr, peer.bytes.size());
    }
    peer.known = true;
  }
  return peer;
}

size_t AddressCounts::Hash::operator()(const PeerAddress& address) const {
  return std::hash<std::string_view>()(
      {reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size()});
}

bool AddressCounts::enter(const PeerAddress& address) {
  if (!address.known) return true;
  size_t& count = counts_[address];
  if (count >= max_) return false;
  ++count;
  return true;
}

void AddressCounts::leave(const PeerAddress& address) {
  const auto found = counts_.find(address);
  if (found != counts_.end() && --found->second == 0) counts_.erase(found);
}

size_t AddressCounts::of(const PeerAddress& address) const {
  const auto found = counts_.find(address);
  return found == counts_.end() ? 0 : found->second;
}

}  // namespace holdfast
