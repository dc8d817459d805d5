// What an orchestrator asks for: one cache operation on all ranks of an instance.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/event_record.h"

namespace holdfast {

struct OperationRequest {
  std::string eventId;  // at most 256 bytes; empty: one is drawn
  OperationKind kind = OperationKind::kClear;
  std::string instance;
  std::string location;           // empty for health
  bool allChunks = true;          // else `chunks`, 1 to 65,536
  std::vector<ChunkHash> chunks;  // consecutive or not
  PromptTokens tokens = {};       // that they were hashed of; null: they were given as hashes
  std::string model;              // that the chunks are of, at most 256 bytes; empty: the ranks'
  std::string method;             // of compress and decompress: 1 to 128 bytes
  std::string toInstance;         // of a move
  std::string toLocation;
  bool copy = false;        // of a move: the source keeps its chunks
  uint64_t ttlSeconds = 0;  // of a pin; 0: for as long as the chunks are held
};

// What is wrong with the request whatever the state of the registry, as a sentence.
std::optional<std::string> invalidRequest(const OperationRequest& request);

// Of everything but the event id.
ArgumentsDigest digestOf(const OperationRequest& request);

}  // namespace holdfast
