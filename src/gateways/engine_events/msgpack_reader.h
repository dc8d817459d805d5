// Reads MessagePack in order, item by item, from bytes that may be damaged.
//
// The decoder of LMCache's wire has msgpack-c tell it every item. Most of what engines publish is
// tokens, which are passed over, and hashes, which go straight into an array: asking for the next
// item is several times as fast for that, and takes no state between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast::engines {

class MsgpackReader {
 public:
  enum class Kind : uint8_t {
    kEnd,  // of the bytes, or bytes that are no MessagePack
    kNil,
    kBoolean,
    kInteger,
    kReal,
    kText,
    kBytes,
    kArray,
    kMap,
    kExtension,
  };

  explicit MsgpackReader(std::string_view bytes)
      : begin_(reinterpret_cast<const uint8_t*>(bytes.data())),
        at_(begin_),
        end_(begin_ + bytes.size()) {}

  // Of the next item; does not move.
  Kind peek() const;

  // Each takes the next item if it is of that kind; else it is false, and nothing has moved.
  bool nil();
  bool integer(uint64_t& value, bool& negative);  // negative ones as two's complement
  bool text(std::string_view& value);
  bool bytes(std::string_view& value);
  bool array(uint32_t& items);  // which follow
  bool map(uint32_t& pairs);
  // The next item, whatever it holds. False: it is cut off, or no MessagePack.
  bool skip();

  size_t position() const { return static_cast<size_t>(at_ - begin_); }
  bool atEnd() const { return at_ == end_; }

 private:
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  bool sized(uint8_t head, uint8_t& width, uint64_t& size) const;
  bool chunk(bool text, std::string_view& value);

  const uint8_t* begin_;
  const uint8_t* at_;
  const uint8_t* end_;
};

}  // namespace holdfast::engines
