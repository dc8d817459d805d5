#include "wire/lookups.h"

#include "wire/endpoints.h"
#include "wire/enums.h"
#include "wire/lists.h"
#include "wire/text.h"

namespace holdfast {
namespace {

static_assert(sameNumber(schema::LookupMiss::HIDDEN, LookupMiss::kHidden));
static_assert(sameNumber(schema::LookupMiss::HASHING_DIFFERS, LookupMiss::kHashingDiffers));
static_assert(sameNumber(schema::LookupMiss::CANNOT_HASH, LookupMiss::kCannotHash));

}  // namespace

void write(const LookupMatch& match, const LookupEnds& ends,
           schema::LookupRetMsg::Layout::Builder to) {
  to.setInstanceId(textOf(match.instance));
  to.setLocation(textOf(match.location));
  to.setMatchedEnd(ends.matched);
  to.setAllRanksEnd(ends.allRanks);
  to.setMatchedChunks(match.chunks);
  to.setAllRanksChunks(match.allRanksChunks);
  to.setPinnedEnd(ends.pinned);
  to.setPinnedChunks(match.pinnedChunks);
  to.setUnconfirmed(match.unconfirmed);
  to.setLoad(match.load);
  if (!match.endpoint.empty()) write(match.endpoint, to.initEndpoint());
  auto hits = to.initHits(listSize(match.hits.size()));
  for (kj::uint i = 0; i < hits.size(); ++i) {
    hits[i].setLocation(textOf(match.hits[i].first));
    hits[i].setChunks(match.hits[i].second);
  }
}

uint64_t wordsOf(std::span<const LookupMatch> matches) {
  constexpr uint64_t kAnswer = 11;
  uint64_t words = kAnswer;
  for (const LookupMatch& match : matches) words += wordsOf(match);
  return words;
}

uint64_t wordsOf(const LookupMatch& match) {
  constexpr uint64_t kLayout = 11;
  constexpr uint64_t kHits = 3;
  uint64_t words =
      kLayout + match.instance.size() / 8 + match.location.size() / 8 + 2 + wordsOf(match.endpoint);
  for (const auto& [location, chunks] : match.hits) words += kHits + location.size() / 8 + 1;
  return words;
}

void write(const ExplainedMiss& miss, schema::LookupRetMsg::Builder to) {
  if (miss.miss == LookupMiss::kNone) return;
  to.setMiss(static_cast<schema::LookupMiss>(miss.miss));
  to.setMessage(textOf(miss.text));
  if (miss.miss != LookupMiss::kHidden) return;
  auto hidden = to.initHidden();
  hidden.setDrained(miss.hidden.drained);
  hidden.setLost(miss.hidden.lost);
  hidden.setDiverged(miss.hidden.diverged);
}

void writeStamp(const ReplicaView& replica, schema::LookupRetMsg::Builder to) {
  to.setRole(static_cast<schema::ReplicaRole>(replica.role));
  to.setEpoch(replica.epoch);
  to.setIndex(replica.index);
  to.setAgeMs(replica.ageMs);
}

LookupAnswer read(schema::LookupRetMsg::Reader from) {
  LookupAnswer answer;
  answer.layouts.reserve(from.getLayoutInfo().size());
  for (const auto layout : from.getLayoutInfo()) {
    InstanceLayout& out = answer.layouts.emplace_back();
    out.instance = stringOf(layout.getInstanceId());
    out.location = stringOf(layout.getLocation());
    out.matchedEnd = layout.getMatchedEnd();
    out.allRanksEnd = layout.getAllRanksEnd();
    out.matchedChunks = layout.getMatchedChunks();
    out.allRanksChunks = layout.getAllRanksChunks();
    out.pinnedEnd = layout.getPinnedEnd();
    out.pinnedChunks = layout.getPinnedChunks();
    out.unconfirmed = layout.getUnconfirmed();
    for (const auto hits : layout.getHits()) {
      out.hits.emplace_back(stringOf(hits.getLocation()), hits.getChunks());
    }
    out.load = statedLoad(layout.getLoad());
    out.endpoint = read(layout.getEndpoint());
  }
  answer.leftOut = from.getLeftOut();
  answer.miss = enumerantName(from.getMiss());
  answer.hiddenDrained = from.getHidden().getDrained();
  answer.hiddenLost = from.getHidden().getLost();
  answer.hiddenDiverged = from.getHidden().getDiverged();
  answer.message = stringOf(from.getMessage());
  answer.role = enumerantName(from.getRole());
  answer.epoch = from.getEpoch();
  answer.index = from.getIndex();
  answer.ageMs = from.getAgeMs();
  return answer;
}

void write(std::span<const PeerMatch> peers, schema::BatchedP2PLookupRetMsg::Builder to) {
  auto layouts = to.initLayoutInfo(listSize(peers.size()));
  for (kj::uint i = 0; i < layouts.size(); ++i) {
    layouts[i].setInstanceId(textOf(peers[i].instance));
    layouts[i].setLocation(textOf(peers[i].location));
    layouts[i].setNumHitChunks(peers[i].chunks);
    layouts[i].setPeerInitUrl(textOf(peers[i].peerUrl));
  }
}

std::vector<PeerView> read(schema::BatchedP2PLookupRetMsg::Reader from) {
  std::vector<PeerView> peers;
  peers.reserve(from.getLayoutInfo().size());
  for (const auto peer : from.getLayoutInfo()) {
    peers.push_back({.instance = stringOf(peer.getInstanceId()),
                     .location = stringOf(peer.getLocation()),
                     .chunks = peer.getNumHitChunks(),
                     .peerUrl = stringOf(peer.getPeerInitUrl())});
  }
  return peers;
}

}  // namespace holdfast
