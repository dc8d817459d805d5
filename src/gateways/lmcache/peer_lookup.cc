#include "gateways/lmcache/peer_lookup.h"

#include <algorithm>
#include <span>
#include <utility>

#include "core/limits.h"
#include "gateways/lmcache/encoder.h"

namespace holdfast::lmcache {

void PeerLookup::begin(SessionId session, std::vector<ChunkHash> hashes) {
  session_ = session;
  hashes_ = std::move(hashes);
  const auto first =
      std::span<const ChunkHash>(hashes_).first(std::min(hashes_.size(), kHashesPerLookupMax));
  begun_ = !lookup_.beginPeers(session, first, kPeerLocation);
}

std::optional<std::string> PeerLookup::advance() {
  if (!begun_) return peerAnswer(std::nullopt);
  if (!controller_.advance(lookup_)) return std::nullopt;
  begun_ = false;
  const auto found = controller_.take(input::PeersFound{session_, lookup_});
  if (!found.ok()) return peerAnswer(std::nullopt);
  // Between pieces the number of the location may have become another one's.
  const auto peers = found.value();
  const auto best = std::find_if(peers.begin(), peers.end(), [](const PeerMatch& peer) {
    return peer.location == kPeerLocation;
  });
  if (best == peers.end()) return peerAnswer(std::nullopt);
  return peerAnswer(Peer{best->instance, best->location, best->chunks, best->peerUrl});
}

}  // namespace holdfast::lmcache
