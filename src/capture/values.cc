#include "capture/values.h"

namespace holdfast {

OperationRequest read(schema::CaptureOperation::Reader from) {
  OperationRequest request;
  request.eventId = stringOf(from.getEventId());
  request.kind = static_cast<OperationKind>(from.getKind());
  request.instance = stringOf(from.getInstance());
  request.location = stringOf(from.getLocation());
  request.allChunks = from.getAllChunks();
  for (const uint64_t chunk : from.getChunks()) request.chunks.push_back(chunk);
  request.method = stringOf(from.getMethod());
  request.toInstance = stringOf(from.getToInstance());
  request.toLocation = stringOf(from.getToLocation());
  request.copy = from.getCopy();
  request.ttlSeconds = from.getTtlSeconds();
  request.model = stringOf(from.getModel());
  // Nobody is told them, but whether there were some decides whether the operation can be.
  if (from.getTokens() != 0) {
    request.tokens = std::make_shared<const std::vector<uint32_t>>(from.getTokens());
  }
  return request;
}

void write(const OperationRequest& request, schema::CaptureOperation::Builder to) {
  to.setEventId(textOf(request.eventId));
  to.setKind(static_cast<schema::OperationKind>(request.kind));
  to.setInstance(textOf(request.instance));
  to.setLocation(textOf(request.location));
  to.setAllChunks(request.allChunks);
  copyNumbers<uint64_t>(request.chunks, to.initChunks(listSize(request.chunks.size())));
  to.setMethod(textOf(request.method));
  to.setToInstance(textOf(request.toInstance));
  to.setToLocation(textOf(request.toLocation));
  to.setCopy(request.copy);
  to.setTtlSeconds(request.ttlSeconds);
  to.setModel(textOf(request.model));
  if (request.tokens != nullptr) to.setTokens(static_cast<uint32_t>(request.tokens->size()));
}

FoldResult read(schema::CaptureFold::Reader from) {
  return {.id = from.getId(),
          .ok = from.getOk(),
          .error = stringOf(from.getError()),
          .baseSeq = from.getBaseSeq(),
          .baseCount = from.getBaseCount(),
          .baseDigest = {from.getBaseDigest().getA(), from.getBaseDigest().getB()}};
}

void write(const FoldResult& result, schema::CaptureFold::Builder to) {
  to.setId(result.id);
  to.setOk(result.ok);
  to.setError(textOf(result.error));
  to.setBaseSeq(result.baseSeq);
  to.setBaseCount(result.baseCount);
  auto digest = to.initBaseDigest();
  digest.setA(result.baseDigest.a);
  digest.setB(result.baseDigest.b);
}

}  // namespace holdfast
