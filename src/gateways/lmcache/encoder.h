// What a controller says to LMCache's workers, as MessagePack: answers to their requests, and
// orders. Every field is there, in the wire's order (lmcache 0.3.11 to 0.5.6).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace holdfast::lmcache {

// --- Answers ---

// "HOST:PORT" that heartbeats go to; empty: none are asked for.
std::string registered(std::string_view heartbeatUrl);
// `fullSync`: the worker is told to send everything, and `reason` is for its log.
std::string heartbeatAnswer(bool fullSync, std::string_view reason);
struct Peer {
  std::string_view instance;
  std::string_view location;
  uint64_t chunks = 0;
  std::string_view url;
};
// No peer: what the wire says for "nobody".
std::string peerAnswer(const std::optional<Peer>& peer);
// `error` empty: accepted.
std::string syncStarted(std::string_view syncId, std::string_view error);
// `progress`: 0 to 1.
std::string syncStatus(std::string_view syncId, bool complete, double progress, bool canExitFreeze,
                       std::span<const uint32_t> missingBatches);
std::string error(std::string_view text);

// --- Orders. `tokens` of those that may be about everything: none ---

using Tokens = std::span<const uint32_t>;

std::string clear(std::string_view id, std::string_view location);
std::string pin(std::string_view id, std::string_view location, Tokens tokens);
std::string compress(std::string_view id, std::string_view method, std::string_view location,
                     std::optional<Tokens> tokens);
std::string decompress(std::string_view id, std::string_view method, std::string_view location,
                       std::optional<Tokens> tokens);
// From a location of the worker to one of the worker that listens at `url`.
struct MoveTarget {
  std::string_view url;
  std::string_view location;
};
std::string move(std::string_view id, std::string_view from, const MoveTarget& to,
                 std::optional<Tokens> tokens, bool copy);
std::string health(std::string_view id);
std::string checkFinish(std::string_view id);

}  // namespace holdfast::lmcache
