// Lists of numbers, which may be long, as fast as memory goes.
#pragma once

#include <capnp/list.h>

#include <cstdint>
#include <span>
#include <vector>

namespace holdfast {

// For init...(): limits keep every list far below 2^29 elements, the most that there can be.
inline kj::uint listSize(size_t size) {
  return static_cast<kj::uint>(size);
}

// The numbers of a list as they lie in the message, without a copy; valid as long as the message. A
// peer may have encoded the list in a wider form (schema evolution allows it): then they are copied
// into `scratch`.
template <typename T>
std::span<const T> numbersOf(typename capnp::List<T>::Reader list, std::vector<T>& scratch);
extern template std::span<const uint64_t> numbersOf<uint64_t>(capnp::List<uint64_t>::Reader,
                                                              std::vector<uint64_t>&);
extern template std::span<const uint32_t> numbersOf<uint32_t>(capnp::List<uint32_t>::Reader,
                                                              std::vector<uint32_t>&);
// Into a list of the same size.
template <typename T>
void copyNumbers(std::span<const T> numbers, typename capnp::List<T>::Builder list);
extern template void copyNumbers<uint64_t>(std::span<const uint64_t>,
                                           capnp::List<uint64_t>::Builder);
extern template void copyNumbers<uint32_t>(std::span<const uint32_t>,
                                           capnp::List<uint32_t>::Builder);

}  // namespace holdfast
