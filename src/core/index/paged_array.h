// An array that grows without moving what it holds: no growth pauses the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace holdfast {

template <typename T, size_t kPage = 1024>
class PagedArray {
 public:
  size_t size() const { return size_; }
  T& operator[](size_t i) { return pages_[i / kPage][i % kPage]; }
  const T& operator[](size_t i) const { return pages_[i / kPage][i % kPage]; }

  // Appends a value-initialised element.
  T& append() {
    if (size_ == pages_.size() * kPage) pages_.push_back(std::make_unique<T[]>(kPage));
    return (*this)[size_++];
  }

  uint64_t memoryBytes() const {
    return pages_.size() * kPage * sizeof(T) + pages_.capacity() * sizeof(pages_[0]);
  }

 private:
  std::vector<std::unique_ptr<T[]>> pages_;
  size_t size_ = 0;
};

}  // namespace holdfast
