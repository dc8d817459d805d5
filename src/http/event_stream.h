// An answer that is sent as it is made: server-sent events until the peer leaves, or a text that is
// too long to be held.
#pragma once

#include <kj/async-io.h>
#include <kj/async.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace holdfast::http {

class EventStream {
 public:
  // `open` begins the answer; called with the first event. `writing` is told when a write begins
  // and when it has ended.
  EventStream(std::function<kj::Own<kj::AsyncOutputStream>()> open,
              std::function<void(bool)> writing)
      : open_(std::move(open)), writing_(std::move(writing)) {}

  // Begins the answer: until then the handler may still fail with an error that becomes the reply.
  void begin();
  bool begun() const { return out_.get() != nullptr; }
  // Begins the answer if that has not been done. `data` must be one line; an empty `id` is left
  // out. Resolves when the peer has taken most of what was sent before: who waits for it holds no
  // more than one event for a peer that does not read, and one that takes nothing for long is cut
  // off. One call at a time.
  kj::Promise<void> send(std::string_view event, std::string_view id, std::string_view data);
  // A line that readers ignore; keeps what is in between from closing a quiet connection.
  kj::Promise<void> ping();
  // A piece of a text that is no events; otherwise as send().
  kj::Promise<void> write(std::string text);

 private:
  std::function<kj::Own<kj::AsyncOutputStream>()> open_;
  std::function<void(bool)> writing_;
  kj::Own<kj::AsyncOutputStream> out_;  // null before it began
};

}  // namespace holdfast::http
