// Bodies of POST /v1/operations/KIND, with what each kind needs, and their schemas.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/body.h"
#include "serving/cache_operations.h"

namespace holdfast::http {

struct OperationBody {
  std::string eventId;
  std::string instance;
  std::string location;
  std::string model;
  std::string method;
  std::string toInstance;
  std::string toLocation;
  std::vector<uint32_t> tokens;
  std::vector<uint64_t> hashes;
  bool hasTokens = false;
  bool hasHashes = false;
  uint64_t ttlSeconds = 0;
  bool copy = false;
  bool noWait = false;
};

template <OperationKind kKind>
struct OperationBodyOf : OperationBody {};

std::vector<Field> fieldsOf(OperationBody& body, OperationKind kind);
template <OperationKind kKind>
std::vector<Field> fieldsOf(OperationBodyOf<kKind>& body) {
  return fieldsOf(body, kKind);
}

// Without chunks where they are to be hashed of tokens. Moves out of the body.
Result<OperationRequest> requestOf(OperationKind kind, OperationBody& body);

// Of a kind's body. Static storage.
std::string_view bodySchema(OperationKind kind);
// Those that bodies and answers refer to.
void addOperationSchemas(RouteTable& routes);

}  // namespace holdfast::http
