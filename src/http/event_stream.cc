#include "http/event_stream.h"

#include <memory>

namespace holdfast::http {

void EventStream::begin() {
  if (!begun()) out_ = open_();
}

kj::Promise<void> EventStream::send(std::string_view event, std::string_view id,
                                    std::string_view data) {
  std::string text = "event: ";
  text += event;
  if (!id.empty()) {
    text += "\nid: ";
    text += id;
  }
  text += "\ndata: ";
  text += data;
  text += "\n\n";
  return write(std::move(text));
}

kj::Promise<void> EventStream::ping() {
  return write(":\n\n");
}

kj::Promise<void> EventStream::write(std::string text) {
  begin();
  writing_(true);
  const auto held = std::make_shared<std::string>(std::move(text));
  return out_->write(held->data(), held->size()).then([this, held]() { writing_(false); });
}

}  // namespace holdfast::http
