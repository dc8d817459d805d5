// What LMCache's workers say to their controller, and answer to its orders, decoded. Names are the
// wire's (lmcache 0.3.11 to 0.5.6); views refer to the payload or to the decoder's buffers.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace holdfast::lmcache {

enum class Type : uint8_t {
  kRegister,    // RegisterMsg
  kDeRegister,  // DeRegisterMsg
  kHeartbeat,   // HeartbeatMsg
  kOperations,  // BatchedKVOperationMsg; KVAdmitMsg and KVEvictMsg as one of one operation
  kPeerLookup,  // BatchedP2PLookupMsg
  kSyncStart,   // FullSyncStartMsg
  kSyncBatch,   // FullSyncBatchMsg
  kSyncEnd,     // FullSyncEndMsg
  kSyncStatus,  // FullSyncStatusMsg
  kTokensDone,  // ClearWorkerRetMsg and those of pin, compress, decompress and move
  kHealth,      // HealthWorkerRetMsg
  kFinished,    // CheckFinishWorkerRetMsg
  kError,       // ErrorMsg
};

struct Operation {
  uint64_t key = 0;  // negative ones as two's complement
  uint64_t seq = 0;
  bool admit = false;
};

// One message. Fields that its type does not have are left as they are here.
struct Message {
  Type type = Type::kRegister;
  std::string_view instance;
  uint32_t worker = 0;
  std::string_view ip;
  uint16_t port = 0;
  std::string_view peerUrl;  // empty: none
  std::string_view location;
  std::vector<Operation> operations;
  std::vector<uint64_t> keys;  // of a batch; the hashes of a P2P look-up
  std::string_view syncId;
  uint64_t totalKeys = 0;  // at a start what is to come, at an end what was sent
  uint32_t batchCount = 0;
  uint32_t batch = 0;  // from 0
  uint64_t tokens = 0;
  int64_t errorCode = 0;
  std::string_view text;  // the status of kFinished, the error of kError
};

}  // namespace holdfast::lmcache
