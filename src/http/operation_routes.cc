#include "http/operation_routes.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/queries/events.h"
#include "http/list_page.h"
#include "http/operation_body.h"
#include "http/operation_starts.h"
#include "http/parameters.h"
#include "http/write_views.h"
#include "serving/cache_operations.h"
#include "wire/errors.h"

namespace holdfast::http {
namespace {

constexpr std::string_view kOperationSchema = R"({"$ref": "#/components/schemas/Operation"})";
constexpr size_t kRanksOfPiece = 256;

// An operation with its ranks, of which there may be thousands.
class EventText {
 public:
  explicit EventText(std::shared_ptr<const EventRecord> event)
      : event_(std::move(event)), json_(reply_.body) {
    json_.beginObject();
    writeMembers(json_, *event_, summarise(*event_));
    json_.key("ranks").beginList();
  }
  EventText(const EventText&) = delete;
  EventText& operator=(const EventText&) = delete;

  bool step() {
    const size_t to = std::min(event_->ranks.size(), written_ + kRanksOfPiece);
    for (; written_ < to; ++written_) write(json_, event_->ranks[written_]);
    if (written_ < event_->ranks.size()) return true;
    json_.endList().endObject();
    return false;
  }
  Reply take() { return std::move(reply_); }

 private:
  const std::shared_ptr<const EventRecord> event_;
  Reply reply_;
  JsonWriter json_;
  size_t written_ = 0;
};

kj::Promise<Reply> answerEvent(Services& services,
                               kj::Promise<std::shared_ptr<const EventRecord>> event) {
  return event.then([&services](std::shared_ptr<const EventRecord>&& record) {
    return answerInPieces(services, std::make_shared<EventText>(std::move(record)));
  });
}

kj::Promise<Reply> beginOperation(OperationStarts& starts, OperationKind kind,
                                  OperationBody& body) {
  auto request = requestOf(kind, body);
  if (!request.ok()) return wireError(request.error());
  auto event = body.hasTokens
                   ? starts.begin(std::move(request.value()), std::move(body.tokens), body.noWait)
                   : starts.begin(std::move(request.value()), body.noWait);
  return answerEvent(starts.services(), kj::mv(event));
}

template <OperationKind kKind>
void addStart(RouteTable& routes, const std::shared_ptr<OperationStarts>& starts,
              std::string_view path, std::string_view summary) {
  routes.add({.method = kj::HttpMethod::POST,
              .path = path,
              .permission = Permission::kOperate,
              .summary = summary,
              .body = bodySchema(kKind),
              .answer = kOperationSchema,
              .errors = {404, 409},
              .handle = [starts](std::shared_ptr<Request> request) {
                return readBody<OperationBodyOf<kKind>>(request).then(
                    [starts](kj::Own<OperationBodyOf<kKind>>&& body) {
                      return beginOperation(*starts, kKind, *body);
                    });
              }});
}

struct CheckFinishBody {
  std::string eventId;
};
std::vector<Field> fieldsOf(CheckFinishBody& body) {
  return {{"eventId", &body.eventId, kRequired}};
}

std::optional<OperationKind> kindParameter(const Request& request) {
  const std::string* const name = parameter(request, "kind");
  if (name == nullptr) return std::nullopt;
  for (size_t kind = 0; kind < kOperationKinds; ++kind) {
    if (operationName(static_cast<OperationKind>(kind)) == *name) {
      return static_cast<OperationKind>(kind);
    }
  }
  failParameter("kind", "clear, pin, compress, decompress, move or health is expected, not " +
                            quotedForPeople(*name));
}

// Pages of operations begin behind an event id.
uint64_t serialOfPage(const Services& services, const Request& request) {
  const std::string* const page = parameter(request, "page");
  if (page == nullptr || page->empty()) return UINT64_MAX;
  const Event* const event = services.executor.find(*page);
  if (event == nullptr) {
    failParameter("page", "the operation " + quotedForPeople(*page) +
                              " is not remembered any more; begin with the first page");
  }
  return event->serial;
}

kj::Promise<Reply> listOperations(Services& services, const Request& request) {
  const size_t max = pageEntries(request);
  queries::EventFilter filter{.instance = textParameter(request, "instanceId", kInstanceIdBytesMax),
                              .unfinishedOnly = flagParameter(request, "unfinishedOnly"),
                              .kind = kindParameter(request),
                              .before = serialOfPage(services, request)};
  return answerPage(
      services, queries::EventCursor(services.executor, std::move(filter)), max, "operations",
      HashStyle::kNumber,
      [](JsonWriter& json, const queries::EventView& event) {
        json.beginObject();
        writeMembers(json, event.record, event.summary);
        json.endObject();
      },
      [](const auto&, size_t, const queries::EventView* last) -> std::optional<std::string> {
        if (last == nullptr) return std::nullopt;
        return last->record.id;
      });
}

void addStarts(RouteTable& routes, Services& services) {
  const auto starts = std::make_shared<OperationStarts>(services);
  addStart<OperationKind::kClear>(routes, starts, "/v1/operations/clear",
                                  "Has all ranks of an instance clear a location");
  addStart<OperationKind::kPin>(routes, starts, "/v1/operations/pin",
                                "Has chunks of a location kept from eviction");
  addStart<OperationKind::kCompress>(routes, starts, "/v1/operations/compress",
                                     "Has chunks of a location compressed");
  addStart<OperationKind::kDecompress>(routes, starts, "/v1/operations/decompress",
                                       "Has chunks of a location decompressed");
  addStart<OperationKind::kMove>(routes, starts, "/v1/operations/move",
                                 "Has chunks moved, or copied, to another location or instance");
  addStart<OperationKind::kHealth>(routes, starts, "/v1/operations/health",
                                   "Asks all ranks of an instance how they are; leaves no event");
}

}  // namespace

void addOperationRoutes(RouteTable& routes, Services& services) {
  addOperationSchemas(routes);
  addStarts(routes, services);
  routes.add({.method = kj::HttpMethod::POST,
              .path = "/v1/operations/check-finish",
              .permission = Permission::kQuery,
              .leaderOnly = true,
              .summary = "What became of an operation: as GET /v1/operations/{id}",
              .body = R"({
  "type": "object", "additionalProperties": false, "required": ["eventId"],
  "properties": {"eventId": {"type": "string", "minLength": 1, "maxLength": 256}}})",
              .answer = kOperationSchema,
              .errors = {404},
              .handle = [&services](const std::shared_ptr<Request>& request) {
                return readBody<CheckFinishBody>(request).then(
                    [&services](kj::Own<CheckFinishBody>&& body) {
                      return answerEvent(services, operationNamed(services, body->eventId));
                    });
              }});
  routes.add(
      {.path = "/v1/operations/{id}",
       .permission = Permission::kQuery,
       .leaderOnly = true,
       .summary = "An operation, by its event id, and what each rank answered",
       .body = {},
       .answer = kOperationSchema,
       .errors = {404},
       .parameters = {{"id", "the event id", R"({"type":"string","minLength":1,"maxLength":256})"}},
       .handle = [&services](const std::shared_ptr<Request>& request) {
         return answerEvent(services, operationNamed(services, request->path[0]));
       }});
  routes.add(
      {.path = "/v1/operations",
       .permission = Permission::kQuery,
       .leaderOnly = true,
       .summary = "The operations that are remembered, newest first",
       .body = {},
       .answer = R"({
  "type": "object", "required": ["operations"], "properties": {
    "operations": {"type": "array", "items": {"$ref": "#/components/schemas/Operation"}},
    "next": {"$ref": "#/components/schemas/Next"}}})",
       .parameters =
           {{"instanceId", "only on this instance", R"({"type":"string","maxLength":256})"},
            {"kind", "only of this kind",
             R"({"type":"string","enum":["clear","pin","compress","decompress","move","health"]})"},
            {"unfinishedOnly", "only those that are under way", R"({"type":"boolean"})"},
            kMaxParameter,
            kPageParameter},
       .handle = [&services](const std::shared_ptr<Request>& request) {
         return listOperations(services, *request);
       }});
}

}  // namespace holdfast::http
