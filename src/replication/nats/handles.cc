#include "replication/nats/handles.h"

#include <string_view>

namespace holdfast::replication::nats {
namespace {

// The library writes where in its sources an error was noticed, "(jsm.c:1033): ", before the text.
std::string_view withoutPlace(std::string_view text) {
  const size_t end = text.find("): ");
  const bool placed = text.starts_with('(') && end != std::string_view::npos &&
                      text.substr(0, end).find(".c:") != std::string_view::npos;
  return placed ? text.substr(end + 3) : text;
}

}  // namespace

std::string reason(natsStatus status) {
  const std::string text = natsStatus_GetText(status);
  natsStatus of = NATS_OK;
  const char* const last = nats_GetLastError(&of);
  if (of != status || last == nullptr) return text;
  const std::string more(withoutPlace(last));
  if (more.empty() || more == text) return text;
  // "Error" is what the library calls whatever a server has refused.
  return status == NATS_ERR ? more : text + ": " + more;
}

}  // namespace holdfast::replication::nats
