#include "tokens/pickle.h"

#include <limits>

namespace holdfast {
namespace {

constexpr uint8_t kProtocol = 0x80;
constexpr uint8_t kFrame = 0x95;
constexpr uint8_t kMemoize = 0x94;
constexpr uint8_t kShortText = 0x8C;
constexpr uint8_t kLong1 = 0x8A;
constexpr uint8_t kTuple1 = 0x85;
constexpr size_t kFrameAt = 3;  // its length, after protocol and opcode
constexpr size_t kHeadBytes = kFrameAt + 8;

}  // namespace

Pickle::Pickle(std::vector<uint8_t>& to) : to_(to) {
  to_.clear();
  put(kProtocol);
  put(5);
  put(kFrame);
  putLittle(0, 8);
}

void Pickle::memoize() {
  put(kMemoize);
  ++memoized_;
}

void Pickle::integer(uint64_t value) {
  if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    integer(static_cast<int64_t>(value));
    return;
  }
  put(kLong1);
  put(9);
  putLittle(value, 8);
  put(0);
}

void Pickle::integer(int64_t value) {
  if (value >= 0 && value <= 0xFF) {
    put('K');
    put(static_cast<uint8_t>(value));
  } else if (value >= 0 && value <= 0xFFFF) {
    put('M');
    putLittle(static_cast<uint64_t>(value), 2);
  } else if (value >= std::numeric_limits<int32_t>::min() &&
             value <= std::numeric_limits<int32_t>::max()) {
    put('J');
    putLittle(static_cast<uint64_t>(value), 4);
  } else {
    // Two's complement, as short as it keeps its sign.
    size_t bytes = 5;
    while (bytes < 8) {
      const int64_t limit = int64_t{1} << (8 * bytes - 1);
      if (value >= -limit && value < limit) break;
      ++bytes;
    }
    put(kLong1);
    put(static_cast<uint8_t>(bytes));
    putLittle(static_cast<uint64_t>(value), bytes);
  }
}

void Pickle::bytes(std::span<const uint8_t> value) {
  if (value.size() <= 0xFF) {
    put('C');
    put(static_cast<uint8_t>(value.size()));
  } else {
    put('B');
    putLittle(value.size(), 4);
  }
  to_.insert(to_.end(), value.begin(), value.end());
  memoize();
}

size_t Pickle::text(std::string_view value) {
  if (value.size() <= 0xFF) {
    put(kShortText);
    put(static_cast<uint8_t>(value.size()));
  } else {
    put('X');
    putLittle(value.size(), 4);
  }
  to_.insert(to_.end(), value.begin(), value.end());
  memoize();
  return memoized_ - 1;
}

void Pickle::textAgain(size_t memo, std::string_view) {
  if (memo <= 0xFF) {
    put('h');
    put(static_cast<uint8_t>(memo));
  } else {
    put('j');
    putLittle(memo, 4);
  }
}

void Pickle::endTuple(size_t items) {
  if (items == 0) {
    put(')');  // the one empty tuple has no place in the memo
    return;
  }
  put(items > 3 ? uint8_t{'t'} : static_cast<uint8_t>(kTuple1 + items - 1));
  memoize();
}

void Pickle::finish() {
  put('.');
  const uint64_t length = to_.size() - kHeadBytes;
  for (size_t i = 0; i < 8; ++i) to_[kFrameAt + i] = static_cast<uint8_t>(length >> (8 * i));
}

}  // namespace holdfast
