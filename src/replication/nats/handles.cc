#include "replication/nats/handles.h"

namespace holdfast::replication::nats {

std::string reason(natsStatus status) {
  std::string text = natsStatus_GetText(status);
  natsStatus of = NATS_OK;
  const char* const more = nats_GetLastError(&of);
  if (of == status && more != nullptr && *more != '\0' && text != more) {
    text += std::string(": ") + more;
  }
  return text;
}

}  // namespace holdfast::replication::nats
