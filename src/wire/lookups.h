// Answers to look-ups. The controller writes what it found where it lies; who asked gets values of
// its own.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/lookups.h"
#include "core/replica_view.h"
#include "core/views.h"
#include "schema/messages.capnp.h"

namespace holdfast {

// The ends of an instance's prefixes in tokens.
struct LookupEnds {
  uint64_t matched = 0;
  uint64_t allRanks = 0;
  uint64_t pinned = 0;
};
void write(const LookupMatch& match, const LookupEnds& ends,
           schema::LookupRetMsg::Layout::Builder to);
// At least as many words as an answer with these takes beside its event id and message, so that it
// is built in one piece and nothing is cleared in vain.
uint64_t wordsOf(std::span<const LookupMatch> matches);
// The part of it that a match takes.
uint64_t wordsOf(const LookupMatch& match);
// Why nobody was found; nothing where somebody was.
void write(const ExplainedMiss& miss, schema::LookupRetMsg::Builder to);
// Who answers.
void writeStamp(const ReplicaView& replica, schema::LookupRetMsg::Builder to);
LookupAnswer read(schema::LookupRetMsg::Reader from);

void write(std::span<const PeerMatch> peers, schema::BatchedP2PLookupRetMsg::Builder to);
std::vector<PeerView> read(schema::BatchedP2PLookupRetMsg::Reader from);

}  // namespace holdfast
