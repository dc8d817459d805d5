// A stream that knows whether the other side has ever said anything.
#pragma once

#include <kj/async-io.h>

namespace holdfast::reach {

class NotedStream final : public kj::AsyncIoStream {
 public:
  explicit NotedStream(kj::Own<kj::AsyncIoStream> stream) : stream_(kj::mv(stream)) {}

  bool heardAnything() const { return heard_; }

  kj::Promise<size_t> tryRead(void* buffer, size_t minBytes, size_t maxBytes) override;
  kj::Promise<void> write(const void* buffer, size_t size) override;
  kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override;
  kj::Promise<void> whenWriteDisconnected() override;
  void shutdownWrite() override;
  void abortRead() override;

 private:
  kj::Own<kj::AsyncIoStream> stream_;
  bool heard_ = false;
};

}  // namespace holdfast::reach
