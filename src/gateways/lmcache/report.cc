#include "gateways/lmcache/report.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace holdfast::lmcache {
namespace {

// Takes what comes next in MessagePack; false where that is something else.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool atEnd() const { return at_ == end_; }

  bool mapOf(uint8_t fields) { return next() == (0x80 | fields); }

  // Exactly this text, of at most 31 bytes.
  template <size_t kSize>
  bool name(const char (&expected)[kSize]) {
    constexpr size_t kBytes = kSize - 1;
    static_assert(kBytes < 32);
    if (left() <= kBytes || static_cast<uint8_t>(*at_) != (0xa0 | kBytes) ||
        std::memcmp(at_ + 1, expected, kBytes) != 0) {
      return false;
    }
    at_ += kSize;
    return true;
  }

  bool text(std::string_view& value) {
    size_t bytes = 0;
    const uint8_t kind = next();
    if ((kind & 0xe0) == 0xa0) {
      bytes = kind & 0x1f;
    } else if (kind != 0xd9 || !bigEndian<uint8_t>(bytes)) {
      return false;
    }
    if (left() < bytes) return false;
    value = {at_, bytes};
    at_ += bytes;
    return true;
  }

  template <typename Int>
  bool number(Int& value) {
    uint64_t number = 0;
    if (!unsignedNumber(next(), number) || number > std::numeric_limits<Int>::max()) return false;
    value = static_cast<Int>(number);
    return true;
  }

  // Negative ones as two's complement.
  bool key(uint64_t& value) {
    const uint8_t kind = next();
    if (kind == 0xd3) return bigEndian<uint64_t>(value);
    if (kind == 0xd2) return negative<int32_t>(value);
    if (kind == 0xd1) return negative<int16_t>(value);
    if (kind == 0xd0) return negative<int8_t>(value);
    if (kind < 0xe0) return unsignedNumber(kind, value);
    value = static_cast<uint64_t>(int64_t{static_cast<int8_t>(kind)});
    return true;
  }

  bool list(size_t& size) {
    const uint8_t kind = next();
    size = kind & 0x0f;
    if ((kind & 0xf0) == 0x90) return true;
    return kind == 0xdc ? bigEndian<uint16_t>(size) : kind == 0xdd && bigEndian<uint32_t>(size);
  }

 private:
  // A byte that begins nothing.
  static constexpr uint8_t kNothing = 0xc1;

  size_t left() const { return static_cast<size_t>(end_ - at_); }
  uint8_t next() { return at_ == end_ ? kNothing : static_cast<uint8_t>(*at_++); }

  bool unsignedNumber(uint8_t kind, uint64_t& value) {
    value = kind;
    if (kind < 0x80) return true;
    if (kind == 0xcf) return bigEndian<uint64_t>(value);
    if (kind == 0xce) return bigEndian<uint32_t>(value);
    if (kind == 0xcd) return bigEndian<uint16_t>(value);
    return kind == 0xcc && bigEndian<uint8_t>(value);
  }

  template <typename Int>
  bool bigEndian(uint64_t& value) {
    if (left() < sizeof(Int)) return false;
    value = 0;
    for (size_t i = 0; i < sizeof(Int); ++i) value = value << 8 | static_cast<uint8_t>(at_[i]);
    at_ += sizeof(Int);
    return true;
  }

  template <typename Int>
  bool negative(uint64_t& value) {
    if (!bigEndian<std::make_unsigned_t<Int>>(value)) return false;
    value = static_cast<uint64_t>(int64_t{static_cast<Int>(value)});
    return true;
  }

  const char* at_;
  const char* end_;
};

bool readOperation(Cursor& from, Operation& operation) {
  if (!from.mapOf(3) || !from.name("op_type")) return false;
  operation.admit = from.name("admit");
  return (operation.admit || from.name("evict")) && from.name("key") && from.key(operation.key) &&
         from.name("seq_num") && from.number(operation.seq);
}

}  // namespace

bool readReport(std::string_view payload, Message& message) {
  Cursor from(payload);
  size_t operations = 0;
  if (!from.mapOf(5) || !from.name("type") || !from.name("BatchedKVOperationMsg") ||
      !from.name("instance_id") || !from.text(message.instance) || !from.name("worker_id") ||
      !from.number(message.worker) || !from.name("location") || !from.text(message.location) ||
      !from.name("operations") || !from.list(operations)) {
    return false;
  }
  message.type = Type::kOperations;
  message.operations.clear();
  for (size_t i = 0; i < operations; ++i) {
    Operation operation;
    if (!readOperation(from, operation)) return false;
    message.operations.push_back(operation);
  }
  return from.atEnd();
}

}  // namespace holdfast::lmcache
