#include "tls/tls_stream.h"

#include "tls/reason.h"

namespace holdfast {
namespace {

class TlsStream final : public kj::AsyncIoStream {
 public:
  TlsStream(kj::Own<kj::AsyncIoStream> stream, kj::AsyncIoStream* below)
      : stream_(kj::mv(stream)), below_(below) {}

  kj::Promise<size_t> tryRead(void* buffer, size_t minBytes, size_t maxBytes) override {
    return stream_->tryRead(buffer, minBytes, maxBytes).catch_([](kj::Exception&& e) -> size_t {
      if (isTlsCut(e)) return 0;
      kj::throwFatalException(kj::mv(e));
    });
  }
  kj::Promise<void> write(const void* buffer, size_t size) override {
    return stream_->write(buffer, size);
  }
  kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override {
    return stream_->write(pieces);
  }
  kj::Promise<void> whenWriteDisconnected() override { return stream_->whenWriteDisconnected(); }
  void shutdownWrite() override {
    stream_->shutdownWrite();
    if (below_ != nullptr) below_->shutdownWrite();
  }
  void abortRead() override { stream_->abortRead(); }
  void getsockopt(int level, int option, void* value, kj::uint* length) override {
    stream_->getsockopt(level, option, value, length);
  }
  void setsockopt(int level, int option, const void* value, kj::uint length) override {
    stream_->setsockopt(level, option, value, length);
  }

 private:
  kj::Own<kj::AsyncIoStream> stream_;
  kj::AsyncIoStream* const below_;
};

}  // namespace

kj::Own<kj::AsyncIoStream> endingPlainly(kj::Own<kj::AsyncIoStream> stream,
                                         kj::AsyncIoStream* below) {
  return kj::heap<TlsStream>(kj::mv(stream), below);
}

}  // namespace holdfast
