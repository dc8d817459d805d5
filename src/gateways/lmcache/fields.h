// Puts the parts of a message, in the order in which a parser meets them, into their fields.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gateways/lmcache/messages.h"

namespace holdfast::lmcache {

// Every call returns false when the message is wrong: then parsing ends, and error() says why.
class FieldReader {
 public:
  void begin();

  bool openMap() { return open(true); }
  bool openArray() { return open(false); }
  bool close();
  bool key(std::string_view name);
  bool text(std::string_view value);
  // Negative numbers as two's complement.
  bool number(uint64_t value, bool negative);
  bool null();
  // A boolean, a floating-point number, bytes: nothing that a known field can be.
  bool other(const char* what);

  // When all is read: whether it is a whole message.
  bool end();
  const Message& message() const { return message_; }
  const std::string& error() const { return error_; }

 private:
  enum class Field : uint8_t {
    kType,
    kInstance,
    kWorker,
    kIp,
    kPort,
    kPeerUrl,
    kLocation,
    kOperations,
    kHashes,
    kKeys,
    kSyncId,
    kTotalKeys,
    kActualTotalKeys,
    kBatchCount,
    kBatch,
    kNumTokens,
    kErrorCode,
    kStatus,
    kError,
    kKey,
    kSeq,
    kOpType,
    kUnknown,
  };
  enum class Place : uint8_t { kOutside, kMessage, kOperationList, kOperation, kKeyList, kSkipped };
  struct TypeRow;

  static constexpr size_t kDepthMax = 16;

  static Field fieldNamed(std::string_view name);
  static std::string_view nameOf(Field field);
  static const TypeRow* typeNamed(std::string_view name);
  static constexpr uint32_t bit(Field field) { return uint32_t{1} << static_cast<uint32_t>(field); }

  Place place() const { return depth_ == 0 ? Place::kOutside : places_[depth_ - 1]; }
  bool open(bool map);
  bool opened(bool map, Place& inside);
  void found() { (place() == Place::kOperation ? foundOfOperation_ : found_) |= bit(field_); }
  bool isWrong(const char* what);
  bool takeText(std::string_view value);
  bool takeNumber(uint64_t value, bool negative);
  template <typename Int>
  bool store(Int& to, uint64_t value, bool negative);
  bool fail(std::string text);

  Message message_;
  const TypeRow* type_ = nullptr;
  std::array<Place, kDepthMax> places_{};
  size_t depth_ = 0;
  bool whole_ = false;
  Field field_ = Field::kUnknown;
  uint32_t found_ = 0;
  uint32_t foundOfOperation_ = 0;
  Operation operation_;  // under way, or that of a message of one
  std::string error_;
};

}  // namespace holdfast::lmcache
