#include "gateways/lmcache/inbound.h"

#include <algorithm>
#include <utility>

#include "core/ids.h"
#include "core/limits.h"

namespace holdfast::lmcache {
namespace {

constexpr size_t kSyncIdBytesMax = 256;

bool belongsTo(Channel channel, Type type) {
  switch (type) {
    case Type::kRegister:  // pushed up to lmcache 0.3.11
    case Type::kHeartbeat:
      return true;
    case Type::kDeRegister:
    case Type::kOperations:
    case Type::kSyncBatch:
    case Type::kSyncEnd:
      return channel == Channel::kPush;
    case Type::kPeerLookup:
    case Type::kSyncStart:
    case Type::kSyncStatus:
      return channel == Channel::kRequest;
    default:  // answers to orders
      return false;
  }
}

// Registrations are checked by core, which says what is wrong with them.
std::optional<std::string> wrongNames(const Message& m) {
  if (auto bad = invalidId("instance_id", m.instance, kInstanceIdBytesMax)) return bad;
  const bool hasLocation = m.type == Type::kOperations || m.type == Type::kSyncStart ||
                           m.type == Type::kSyncBatch || m.type == Type::kSyncEnd;
  if (hasLocation) {
    if (auto bad = invalidId("location", m.location, kLocationNameBytesMax)) return bad;
  }
  if (auto bad = invalidText("ip", m.ip, kIpBytesMax)) return bad;
  if (auto bad = invalidText("peer_init_url", m.peerUrl, kPeerUrlBytesMax)) return bad;
  if (auto bad = invalidText("sync_id", m.syncId, kSyncIdBytesMax)) return bad;
  if (m.type == Type::kPeerLookup && m.keys.size() > kHashesPerLookupMax) {
    return "a look-up has at most " + std::to_string(kHashesPerLookupMax) + " hashes, not " +
           std::to_string(m.keys.size());
  }
  if (m.type == Type::kSyncStart && m.batchCount > kBatchesPerSyncMax) {
    return "a full sync has at most " + std::to_string(kBatchesPerSyncMax) + " batches, not " +
           std::to_string(m.batchCount);
  }
  return std::nullopt;
}

// Where the run of consecutive numbers from `begin` on ends, at most a piece further.
size_t endOfPiece(const std::vector<Operation>& operations, size_t begin) {
  const size_t most = std::min(operations.size(), begin + kKeysPerPiece);
  size_t end = begin + 1;
  while (end < most && operations[end].seq == operations[end - 1].seq + 1) ++end;
  return end;
}

void fill(Inbound& piece, const std::vector<Operation>& operations, size_t begin, size_t end) {
  piece.firstSeq = operations[begin].seq;
  piece.keys.reserve(end - begin);
  for (size_t i = begin; i < end; ++i) {
    piece.keys.push_back(operations[i].key);
    if (operations[i].admit) continue;
    if (piece.evicts.empty()) piece.evicts.resize((end - begin + 7) / 8);
    piece.evicts[(i - begin) >> 3] |= static_cast<uint8_t>(1u << ((i - begin) & 7));
  }
}

std::optional<std::string> addOperations(const Message& message, const Inbound& about,
                                         std::vector<Inbound>& to) {
  const std::vector<Operation>& operations = message.operations;
  size_t runs = operations.empty() ? 0 : 1;
  for (size_t i = 0; i < operations.size(); ++i) {
    // Room for core's numbers, which are one higher, and for the next one.
    if (operations[i].seq > UINT64_MAX - 4) return "a seq_num over 2^64-5";
    if (i != 0 && operations[i].seq != operations[i - 1].seq + 1) ++runs;
  }
  if (runs > kRunsPerMessageMax) {
    return "operations numbered in " + std::to_string(runs) + " runs, at most " +
           std::to_string(kRunsPerMessageMax) + " are read";
  }
  for (size_t begin = 0; begin < operations.size();) {
    const size_t end = endOfPiece(operations, begin);
    fill(to.emplace_back(about), operations, begin, end);
    begin = end;
  }
  return std::nullopt;
}

void addKeys(const Message& message, const Inbound& about, std::vector<Inbound>& to) {
  const std::vector<uint64_t>& keys = message.keys;
  size_t begin = 0;
  do {
    const size_t end = std::min(keys.size(), begin + kKeysPerPiece);
    Inbound& piece = to.emplace_back(about);
    piece.keys.assign(keys.begin() + static_cast<ptrdiff_t>(begin),
                      keys.begin() + static_cast<ptrdiff_t>(end));
    piece.batchEnds = end == keys.size();
    begin = end;
  } while (begin < keys.size());
}

}  // namespace

std::string_view nameOf(Type type) {
  switch (type) {
    case Type::kRegister:
      return "RegisterMsg";
    case Type::kDeRegister:
      return "DeRegisterMsg";
    case Type::kHeartbeat:
      return "HeartbeatMsg";
    case Type::kOperations:
      return "BatchedKVOperationMsg";
    case Type::kPeerLookup:
      return "BatchedP2PLookupMsg";
    case Type::kSyncStart:
      return "FullSyncStartMsg";
    case Type::kSyncBatch:
      return "FullSyncBatchMsg";
    case Type::kSyncEnd:
      return "FullSyncEndMsg";
    case Type::kSyncStatus:
      return "FullSyncStatusMsg";
    case Type::kTokensDone:
    case Type::kHealth:
    case Type::kFinished:
      return "an answer to an order";
    case Type::kError:
      return "ErrorMsg";
  }
  return "?";
}

void InboundReader::read(std::string_view payload, const Inbound& from, std::vector<Inbound>& to) {
  const size_t before = to.size();
  const auto message = decoder_.decode(payload);
  std::optional<std::string> wrong;
  if (!message.ok()) {
    wrong = message.error().message;
  } else {
    wrong = convert(*message.value(), from, to);
  }
  if (!wrong) return;
  to.resize(before);
  to.emplace_back(from).error = std::move(*wrong);
}

std::optional<std::string> InboundReader::convert(const Message& message, const Inbound& from,
                                                  std::vector<Inbound>& to) {
  if (!belongsTo(from.channel, message.type)) {
    return std::string(nameOf(message.type)) + " is not taken here";
  }
  if (auto wrong = wrongNames(message)) return wrong;
  Inbound about = from;
  about.type = message.type;
  about.instance = message.instance;
  about.worker = message.worker;
  about.ip = message.ip;
  about.port = message.port;
  about.peerUrl = message.peerUrl;
  about.location = message.location;
  about.syncId = message.syncId;
  about.totalKeys = message.totalKeys;
  about.batchCount = message.batchCount;
  about.batch = message.batch;
  switch (message.type) {
    case Type::kOperations:
      return addOperations(message, about, to);
    case Type::kSyncBatch:
      addKeys(message, about, to);
      return std::nullopt;
    case Type::kPeerLookup:
      about.keys = message.keys;
      break;
    default:
      break;
  }
  to.push_back(std::move(about));
  return std::nullopt;
}

}  // namespace holdfast::lmcache
