#include "http/neutral/values.h"

#include <charconv>
#include <optional>
#include <utility>

#include "http/error_reply.h"
#include "http/neutral/neutral_routes.h"

namespace holdfast::http {

void addNeutralRoutes(RouteTable& routes, Services& services, SourceTable* sources) {
  addSourceRoutes(routes, services, sources);
  addTierQueries(routes, services, sources);
  addDump(routes, services, sources);
}

namespace neutral {

Reply errorReply(const kj::Exception& why) {
  const std::optional<Error> error = errorWithin(why);
  Reply reply{.status = http::errorReply(why).status};
  JsonWriter(reply.body)
      .beginObject()
      .text("error", error ? error->message : std::string("the controller failed"))
      .endObject();
  return reply;
}

std::vector<Answer> errorsOf(std::initializer_list<uint32_t> statuses) {
  std::vector<Answer> answers = {{400, "It is malformed or over a limit", kErrorSchema},
                                 {500, "The controller failed", kErrorSchema},
                                 {503, "It cannot be done now", kErrorSchema}};
  for (const uint32_t status : statuses) {
    answers.push_back({status, reasonOf(status), kErrorSchema});
  }
  return answers;
}

void writeInstanceId(JsonWriter& json, std::string_view instance) {
  uint64_t number = 0;
  const char* const end = instance.data() + instance.size();
  const auto parsed = std::from_chars(instance.data(), end, number);
  const bool isNumber = parsed.ec == std::errc() && parsed.ptr == end &&
                        (instance.size() == 1 || instance.front() != '0');
  if (isNumber) {
    json.number(number);
  } else {
    json.text(instance);
  }
}

}  // namespace neutral
}  // namespace holdfast::http
