// The little of Python's pickle, protocol 5, that block hashes need, byte for byte as CPython's C
// pickler writes it (opcodes: the documentation of its module pickletools): all in one frame, and
// each string, byte string and tuple with a place in the memo.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace holdfast {

class Pickle {
 public:
  // What is written may have so many bytes: the pickler would begin another frame beyond.
  static constexpr size_t kFrameBytesMax = size_t{64} * 1024;

  // Replaces `to`, which outlives it.
  explicit Pickle(std::vector<uint8_t>& to);

  void integer(int64_t value);
  void integer(uint64_t value);
  void bytes(std::span<const uint8_t> value);
  // Its place in the memo.
  size_t text(std::string_view value);
  // The same object again.
  void textAgain(size_t memo, std::string_view value);
  void none() { put('N'); }
  // Its `items` values come between.
  void beginTuple(size_t items) {
    if (items > 3) put('(');
  }
  void endTuple(size_t items);
  void finish();

 private:
  void put(uint8_t byte) { to_.push_back(byte); }
  void putLittle(uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) put(static_cast<uint8_t>(value >> (8 * i)));
  }
  void memoize();

  std::vector<uint8_t>& to_;
  size_t memoized_ = 0;
};

}  // namespace holdfast
