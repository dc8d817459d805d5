#include "wire/lists.h"

#include <capnp/any.h>

#include <cstring>

namespace holdfast {
namespace {

template <typename T>
constexpr capnp::ElementSize kPacked = sizeof(T) == 8 ? capnp::ElementSize::EIGHT_BYTES
                                                      : capnp::ElementSize::FOUR_BYTES;

}  // namespace

template <typename T>
std::span<const T> numbersOf(typename capnp::List<T>::Reader list, std::vector<T>& scratch) {
  const capnp::AnyList::Reader raw = capnp::toAny(list);
  if (raw.getElementSize() == kPacked<T>) {
    const kj::ArrayPtr<const kj::byte> bytes = raw.getRawBytes();
    return {reinterpret_cast<const T*>(bytes.begin()), list.size()};
  }
  scratch.clear();
  scratch.reserve(list.size());
  for (const T number : list) scratch.push_back(number);
  return scratch;
}
template std::span<const uint64_t> numbersOf<uint64_t>(capnp::List<uint64_t>::Reader,
                                                       std::vector<uint64_t>&);
template std::span<const uint32_t> numbersOf<uint32_t>(capnp::List<uint32_t>::Reader,
                                                       std::vector<uint32_t>&);

template <typename T>
void copyNumbers(std::span<const T> numbers, typename capnp::List<T>::Builder list) {
  if (numbers.empty()) return;
  // A list just made lies packed in the message; only its readers give out the place.
  const auto bytes = capnp::toAny(list.asReader()).getRawBytes();
  std::memcpy(const_cast<kj::byte*>(bytes.begin()), numbers.data(), numbers.size_bytes());
}
template void copyNumbers<uint64_t>(std::span<const uint64_t>, capnp::List<uint64_t>::Builder);
template void copyNumbers<uint32_t>(std::span<const uint32_t>, capnp::List<uint32_t>::Builder);

}  // namespace holdfast
