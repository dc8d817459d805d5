#include "gateways/engine_events/msgpack_reader.h"

namespace holdfast::engines {
namespace {

uint64_t bigEndian(const uint8_t* at, size_t width) {
  uint64_t value = 0;
  for (size_t i = 0; i < width; ++i) value = value << 8 | at[i];
  return value;
}

}  // namespace

MsgpackReader::Kind MsgpackReader::peek() const {
  if (at_ == end_) return Kind::kEnd;
  const uint8_t head = *at_;
  if (head < 0x80 || head >= 0xE0) return Kind::kInteger;
  if (head < 0x90) return Kind::kMap;
  if (head < 0xA0) return Kind::kArray;
  if (head < 0xC0) return Kind::kText;
  switch (head) {
    case 0xC0:
      return Kind::kNil;
    case 0xC2:
    case 0xC3:
      return Kind::kBoolean;
    case 0xC4:
    case 0xC5:
    case 0xC6:
      return Kind::kBytes;
    case 0xCA:
    case 0xCB:
      return Kind::kReal;
    case 0xD9:
    case 0xDA:
    case 0xDB:
      return Kind::kText;
    case 0xDC:
    case 0xDD:
      return Kind::kArray;
    case 0xDE:
    case 0xDF:
      return Kind::kMap;
    case 0xC1:
      return Kind::kEnd;
    default:
      return head >= 0xCC && head <= 0xD3 ? Kind::kInteger : Kind::kExtension;
  }
}

bool MsgpackReader::nil() {
  if (at_ == end_ || *at_ != 0xC0) return false;
  ++at_;
  return true;
}

bool MsgpackReader::integer(uint64_t& value, bool& negative) {
  if (at_ == end_) return false;
  const uint8_t head = *at_;
  negative = false;
  if (head < 0x80) {
    value = head;
    ++at_;
    return true;
  }
  if (head >= 0xE0) {
    value = static_cast<uint64_t>(static_cast<int64_t>(static_cast<int8_t>(head)));
    negative = true;
    ++at_;
    return true;
  }
  if (head < 0xCC || head > 0xD3) return false;
  const size_t width = size_t{1} << (head & 3);
  if (left() < 1 + width) return false;
  value = bigEndian(at_ + 1, width);
  if (head >= 0xD0) {
    const unsigned unused = static_cast<unsigned>(64 - 8 * width);
    const auto extended = static_cast<int64_t>(value << unused) >> unused;
    value = static_cast<uint64_t>(extended);
    negative = extended < 0;
  }
  at_ += 1 + width;
  return true;
}

// The size that stands behind a head of 0xC4 and up, in `width` bytes.
bool MsgpackReader::sized(uint8_t head, uint8_t& width, uint64_t& size) const {
  switch (head) {
    case 0xC4:
    case 0xC7:
    case 0xD9:
      width = 1;
      break;
    case 0xC5:
    case 0xC8:
    case 0xDA:
    case 0xDC:
    case 0xDE:
      width = 2;
      break;
    default:
      width = 4;
  }
  if (left() < size_t{1} + width) return false;
  size = bigEndian(at_ + 1, width);
  return true;
}

bool MsgpackReader::chunk(bool isText, std::string_view& value) {
  if (peek() != (isText ? Kind::kText : Kind::kBytes)) return false;
  uint64_t size = *at_ & 0x1F;
  uint8_t width = 0;
  if (*at_ >= 0xC0 && !sized(*at_, width, size)) return false;
  if (left() - 1 - width < size) return false;
  value = {reinterpret_cast<const char*>(at_ + 1 + width), static_cast<size_t>(size)};
  at_ += 1 + width + size;
  return true;
}

bool MsgpackReader::text(std::string_view& value) {
  return chunk(true, value);
}
bool MsgpackReader::bytes(std::string_view& value) {
  return chunk(false, value);
}

bool MsgpackReader::array(uint32_t& items) {
  if (peek() != Kind::kArray) return false;
  uint64_t size = *at_ & 0x0F;
  uint8_t width = 0;
  if (*at_ >= 0xC0 && !sized(*at_, width, size)) return false;
  items = static_cast<uint32_t>(size);
  at_ += 1 + width;
  return true;
}

bool MsgpackReader::map(uint32_t& pairs) {
  if (peek() != Kind::kMap) return false;
  uint64_t size = *at_ & 0x0F;
  uint8_t width = 0;
  if (*at_ >= 0xC0 && !sized(*at_, width, size)) return false;
  pairs = static_cast<uint32_t>(size);
  at_ += 1 + width;
  return true;
}

// However deeply it is nested: what is still to come is counted, not remembered. The count cannot
// overflow, since every 5 bytes add 2^33 to it at most.
bool MsgpackReader::skip() {
  uint64_t wanted = 1;
  while (wanted != 0) {
    if (at_ == end_) return false;
    --wanted;
    const uint8_t head = *at_;
    uint8_t width = 0;
    uint64_t size = 0;
    uint64_t body = 0;
    if (head < 0x80 || head >= 0xE0) {
    } else if (head < 0x90) {
      wanted += 2 * uint64_t{head & 0x0Fu};
    } else if (head < 0xA0) {
      wanted += head & 0x0F;
    } else if (head < 0xC0) {
      body = head & 0x1F;
    } else if (head == 0xC1) {
      return false;
    } else if (head >= 0xCC && head <= 0xD3) {
      body = uint64_t{1} << (head & 3);
    } else if (head == 0xCA || head == 0xCB) {
      body = head == 0xCA ? 4 : 8;
    } else if (head >= 0xD4 && head <= 0xD8) {
      body = 1 + (uint64_t{1} << (head - 0xD4));
    } else if (head >= 0xC4) {
      if (!sized(head, width, size)) return false;
      if (head == 0xDC || head == 0xDD) {
        wanted += size;
      } else if (head == 0xDE || head == 0xDF) {
        wanted += 2 * size;
      } else {
        body = size + (head >= 0xC7 && head <= 0xC9 ? 1 : 0);
      }
    }
    if (left() - 1 - width < body) return false;
    at_ += 1 + width + body;
  }
  return true;
}

}  // namespace holdfast::engines
