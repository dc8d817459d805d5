#include "reach/noted_stream.h"

namespace holdfast::reach {

kj::Promise<size_t> NotedStream::tryRead(void* buffer, size_t minBytes, size_t maxBytes) {
  return stream_->tryRead(buffer, minBytes, maxBytes).then([this](size_t bytes) {
    heard_ |= bytes != 0;
    return bytes;
  });
}

kj::Promise<void> NotedStream::write(const void* buffer, size_t size) {
  return stream_->write(buffer, size);
}

kj::Promise<void> NotedStream::write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) {
  return stream_->write(pieces);
}

kj::Promise<void> NotedStream::whenWriteDisconnected() {
  return stream_->whenWriteDisconnected();
}

void NotedStream::shutdownWrite() {
  stream_->shutdownWrite();
}

void NotedStream::abortRead() {
  stream_->abortRead();
}

}  // namespace holdfast::reach
