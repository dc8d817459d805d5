#include "gateways/lmcache/fields.h"

#include <iterator>
#include <limits>
#include <utility>

#include "core/ids.h"

namespace holdfast::lmcache {

struct FieldReader::TypeRow {
  std::string_view name;
  Type type;
  uint32_t required;
};

FieldReader::Field FieldReader::fieldNamed(std::string_view name) {
  for (uint8_t i = 0; i < static_cast<uint8_t>(Field::kUnknown); ++i) {
    if (nameOf(static_cast<Field>(i)) == name) return static_cast<Field>(i);
  }
  return Field::kUnknown;
}

std::string_view FieldReader::nameOf(Field field) {
  static constexpr std::string_view kNames[] = {"type",
                                                "instance_id",
                                                "worker_id",
                                                "ip",
                                                "port",
                                                "peer_init_url",
                                                "location",
                                                "operations",
                                                "hashes",
                                                "keys",
                                                "sync_id",
                                                "total_keys",
                                                "actual_total_keys",
                                                "batch_count",
                                                "batch_id",
                                                "num_tokens",
                                                "error_code",
                                                "status",
                                                "error",
                                                "key",
                                                "seq_num",
                                                "op_type"};
  static_assert(std::size(kNames) == static_cast<size_t>(Field::kUnknown));
  return kNames[static_cast<size_t>(field)];
}

const FieldReader::TypeRow* FieldReader::typeNamed(std::string_view name) {
  constexpr uint32_t kWho = bit(Field::kInstance) | bit(Field::kWorker);
  constexpr uint32_t kAddress = kWho | bit(Field::kIp) | bit(Field::kPort);
  constexpr uint32_t kSync = kWho | bit(Field::kSyncId);
  constexpr uint32_t kSyncOf = kSync | bit(Field::kLocation);
  constexpr uint32_t kOne = kWho | bit(Field::kLocation) | bit(Field::kKey);
  static constexpr TypeRow kRows[] = {
      {"BatchedKVOperationMsg", Type::kOperations,
       kWho | bit(Field::kLocation) | bit(Field::kOperations)},
      {"HeartbeatMsg", Type::kHeartbeat, kAddress},
      {"BatchedP2PLookupMsg", Type::kPeerLookup, kWho | bit(Field::kHashes)},
      {"RegisterMsg", Type::kRegister, kAddress},
      {"DeRegisterMsg", Type::kDeRegister, kAddress},
      {"FullSyncBatchMsg", Type::kSyncBatch, kSyncOf | bit(Field::kBatch) | bit(Field::kKeys)},
      {"FullSyncStartMsg", Type::kSyncStart,
       kSyncOf | bit(Field::kTotalKeys) | bit(Field::kBatchCount)},
      {"FullSyncEndMsg", Type::kSyncEnd, kSyncOf | bit(Field::kActualTotalKeys)},
      {"FullSyncStatusMsg", Type::kSyncStatus, kSync},
      {"KVAdmitMsg", Type::kOperations, kOne},
      {"KVEvictMsg", Type::kOperations, kOne},
      {"ClearWorkerRetMsg", Type::kTokensDone, bit(Field::kNumTokens)},
      {"PinWorkerRetMsg", Type::kTokensDone, bit(Field::kNumTokens)},
      {"CompressWorkerRetMsg", Type::kTokensDone, bit(Field::kNumTokens)},
      {"DecompressWorkerRetMsg", Type::kTokensDone, bit(Field::kNumTokens)},
      {"MoveWorkerRetMsg", Type::kTokensDone, bit(Field::kNumTokens)},
      {"HealthWorkerRetMsg", Type::kHealth, bit(Field::kErrorCode)},
      {"CheckFinishWorkerRetMsg", Type::kFinished, bit(Field::kStatus)},
      {"ErrorMsg", Type::kError, bit(Field::kError)},
  };
  for (const TypeRow& row : kRows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

void FieldReader::begin() {
  // Keeps the room of its lists.
  message_.operations.clear();
  message_.keys.clear();
  Message fresh;
  fresh.operations.swap(message_.operations);
  fresh.keys.swap(message_.keys);
  message_ = std::move(fresh);
  type_ = nullptr;
  depth_ = 0;
  whole_ = false;
  found_ = 0;
  foundOfOperation_ = 0;
  operation_ = {};
  error_.clear();
}

bool FieldReader::fail(std::string text) {
  if (error_.empty()) error_ = std::move(text);
  return false;
}

bool FieldReader::isWrong(const char* what) {
  return fail(std::string(nameOf(field_)) + " is " + what);
}

bool FieldReader::opened(bool map, Place& inside) {
  const char* what = map ? "a map" : "a list";
  switch (place()) {
    case Place::kOutside:
      if (whole_) return fail("more follows the message");
      inside = Place::kMessage;
      return map || fail("the message is a list, not a map");
    case Place::kMessage:
      inside = Place::kSkipped;
      if (field_ == Field::kUnknown) return true;
      inside = field_ == Field::kOperations ? Place::kOperationList : Place::kKeyList;
      found();
      return (!map && (field_ == Field::kOperations || field_ == Field::kKeys ||
                       field_ == Field::kHashes)) ||
             isWrong(what);
    case Place::kOperationList:
      inside = Place::kOperation;
      operation_ = {};
      foundOfOperation_ = 0;
      return map || fail("an operation is a list, not a map");
    case Place::kOperation:
      inside = Place::kSkipped;
      return field_ == Field::kUnknown || isWrong(what);
    case Place::kKeyList:
      return isWrong("a list of other things than numbers");
    case Place::kSkipped:
      inside = Place::kSkipped;
      return true;
  }
  return false;
}

bool FieldReader::open(bool map) {
  if (depth_ == kDepthMax) return fail("it is nested too deeply");
  Place inside = Place::kSkipped;
  if (!opened(map, inside)) return false;
  places_[depth_++] = inside;
  return true;
}

bool FieldReader::close() {
  const Place left = place();
  --depth_;
  if (left == Place::kMessage) whole_ = true;
  if (left != Place::kOperation) return true;
  constexpr uint32_t kRequired = bit(Field::kOpType) | bit(Field::kKey) | bit(Field::kSeq);
  if ((foundOfOperation_ & kRequired) != kRequired) {
    return fail("an operation without op_type, key or seq_num");
  }
  message_.operations.push_back(operation_);
  return true;
}

bool FieldReader::key(std::string_view name) {
  if (place() == Place::kSkipped) return true;
  // A key, its number and what is done with it stand in an operation; the first two also in a
  // message that is one operation.
  if (place() == Place::kOperation) {
    auto field = static_cast<uint8_t>(Field::kKey);
    while (field < static_cast<uint8_t>(Field::kUnknown) &&
           nameOf(static_cast<Field>(field)) != name) {
      ++field;
    }
    field_ = static_cast<Field>(field);
    return true;
  }
  field_ = fieldNamed(name);
  if (field_ == Field::kOpType) field_ = Field::kUnknown;
  return true;
}

bool FieldReader::text(std::string_view value) {
  switch (place()) {
    case Place::kOutside:
      return fail("the message is a text, not a map");
    case Place::kOperationList:
      return fail("an operation is a text, not a map");
    case Place::kKeyList:
      return isWrong("a list of other things than numbers");
    case Place::kSkipped:
      return true;
    case Place::kMessage:
    case Place::kOperation:
      return field_ == Field::kUnknown || takeText(value);
  }
  return false;
}

bool FieldReader::takeText(std::string_view value) {
  found();
  switch (field_) {
    case Field::kType:
      type_ = typeNamed(value);
      if (type_ == nullptr)
        return fail("the type " + quotedForPeople(value) + " is not known here");
      message_.type = type_->type;
      return true;
    case Field::kOpType:
      operation_.admit = value == "admit";
      return operation_.admit || value == "evict" ||
             fail("op_type " + quotedForPeople(value) + " is neither admit nor evict");
    case Field::kInstance:
      message_.instance = value;
      return true;
    case Field::kIp:
      message_.ip = value;
      return true;
    case Field::kPeerUrl:
      message_.peerUrl = value;
      return true;
    case Field::kLocation:
      message_.location = value;
      return true;
    case Field::kSyncId:
      message_.syncId = value;
      return true;
    case Field::kStatus:
    case Field::kError:
      message_.text = value;
      return true;
    default:
      return isWrong("a text");
  }
}

bool FieldReader::number(uint64_t value, bool negative) {
  switch (place()) {
    case Place::kOutside:
      return fail("the message is a number, not a map");
    case Place::kOperationList:
      return fail("an operation is a number, not a map");
    case Place::kKeyList:
      message_.keys.push_back(value);
      return true;
    case Place::kSkipped:
      return true;
    case Place::kMessage:
    case Place::kOperation:
      return field_ == Field::kUnknown || takeNumber(value, negative);
  }
  return false;
}

template <typename Int>
bool FieldReader::store(Int& to, uint64_t value, bool negative) {
  if (negative || value > std::numeric_limits<Int>::max()) {
    return isWrong(negative ? "negative" : "too large");
  }
  to = static_cast<Int>(value);
  return true;
}

bool FieldReader::takeNumber(uint64_t value, bool negative) {
  found();
  switch (field_) {
    case Field::kKey:
      operation_.key = value;
      return true;
    case Field::kSeq:
      return store(operation_.seq, value, negative);
    case Field::kWorker:
      return store(message_.worker, value, negative);
    case Field::kPort:
      return store(message_.port, value, negative);
    case Field::kTotalKeys:
    case Field::kActualTotalKeys:
      return store(message_.totalKeys, value, negative);
    case Field::kBatchCount:
      return store(message_.batchCount, value, negative);
    case Field::kBatch:
      return store(message_.batch, value, negative);
    case Field::kNumTokens:
      return store(message_.tokens, value, negative);
    case Field::kErrorCode:
      message_.errorCode = static_cast<int64_t>(value);
      return true;
    default:
      return isWrong("a number");
  }
}

bool FieldReader::null() {
  // What is not said. A field that must be there is found missing at the end.
  return place() == Place::kMessage || other("nothing");
}

bool FieldReader::other(const char* what) {
  switch (place()) {
    case Place::kOutside:
      return fail(std::string("the message is ") + what + ", not a map");
    case Place::kOperationList:
      return fail(std::string("an operation is ") + what + ", not a map");
    case Place::kKeyList:
      return isWrong("a list of other things than numbers");
    case Place::kSkipped:
      return true;
    case Place::kMessage:
    case Place::kOperation:
      return field_ == Field::kUnknown || isWrong(what);
  }
  return false;
}

bool FieldReader::end() {
  if (!whole_ || depth_ != 0) return fail("the message is not whole");
  if (type_ == nullptr) return fail("a message without a type");
  const uint32_t missing = type_->required & ~found_;
  for (uint8_t i = 0; i < static_cast<uint8_t>(Field::kUnknown); ++i) {
    const auto field = static_cast<Field>(i);
    if ((missing & bit(field)) == 0) continue;
    return fail(std::string(type_->name) + " without " + std::string(nameOf(field)));
  }
  if (type_->name == "KVAdmitMsg" || type_->name == "KVEvictMsg") {
    operation_.admit = type_->name == "KVAdmitMsg";
    message_.operations.assign(1, operation_);
  }
  return true;
}

}  // namespace holdfast::lmcache
