#include "http/query_routes.h"

#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/ids.h"
#include "core/limits.h"
#include "http/list_page.h"
#include "http/parameters.h"
#include "http/query_schemas.h"
#include "http/status_text.h"
#include "http/write_views.h"

namespace holdfast::http {
namespace {

constexpr size_t kPageTextBytesMax = 512;

constexpr Parameter kInstanceFilter = {"instanceId", "only of this instance",
                                       R"({"type":"string","maxLength":256})"};
constexpr Parameter kWorkersFilter = {
    "workerIds", "only of these ranks, with commas in between: 0,3",
    R"({"type":"string","pattern":"^([0-9]{1,9}(,[0-9]{1,9})*)?$"})"};

std::string instanceFilter(const Request& request) {
  return textParameter(request, "instanceId", kInstanceIdBytesMax);
}

// Pages of workers, and of what they have, begin behind "INSTANCE/RANK".
std::string pageBehind(const std::string& instance, uint32_t worker) {
  return instance + "/" + std::to_string(worker);
}
std::optional<std::pair<std::string, uint32_t>> workerOfPage(const Request& request) {
  const std::string page = textParameter(request, "page", kPageTextBytesMax);
  if (page.empty()) return std::nullopt;
  const size_t slash = page.rfind('/');
  uint32_t rank = 0;
  if (slash != std::string::npos) {
    const char* const end = page.data() + page.size();
    const auto read = std::from_chars(page.data() + slash + 1, end, rank);
    if (read.ec == std::errc() && read.ptr == end) {
      return std::pair{page.substr(0, slash), rank};
    }
  }
  failParameter("page", quotedForPeople(page) + " is no `next` of such a list");
}

queries::WorkerFilter workerFilter(const Request& request) {
  return {.instance = instanceFilter(request),
          .workers = numbersParameter(request, "workerIds", kWorkerIdsPerQueryMax),
          .after = {}};
}

kj::Promise<Reply> instances(Services& services, const Request& request) {
  return answerPage(
      services,
      queries::InstanceCursor(services.registry, instanceFilter(request),
                              textParameter(request, "page", kPageTextBytesMax)),
      pageEntries(request), "instances", HashStyle::kNumber,
      [](JsonWriter& json, const queries::InstanceView& instance) { write(json, instance); },
      [](const auto&, size_t, const queries::InstanceView* last) -> std::optional<std::string> {
        if (last == nullptr) return std::nullopt;
        return last->instance;
      });
}

kj::Promise<Reply> workers(Services& services, const Request& request) {
  queries::WorkerFilter filter = workerFilter(request);
  filter.after = workerOfPage(request);
  return answerPage(
      services, queries::WorkerCursor(services.registry, std::move(filter)), pageEntries(request),
      "workers", HashStyle::kNumber,
      [](JsonWriter& json, const queries::WorkerView& worker) { write(json, worker); },
      [](const auto&, size_t, const queries::WorkerView* last) -> std::optional<std::string> {
        if (last == nullptr) return std::nullopt;
        return pageBehind(last->instance, last->worker);
      });
}

kj::Promise<Reply> diverged(Services& services, const Request& request) {
  queries::WorkerFilter filter = workerFilter(request);
  filter.after = workerOfPage(request);
  return answerPage(
      services, queries::DivergedCursor(services.registry, std::move(filter)), pageEntries(request),
      "locations", HashStyle::kNumber,
      [](JsonWriter& json, const queries::DivergedView& one) { write(json, one); },
      [](const auto&, size_t, const queries::DivergedView* last) -> std::optional<std::string> {
        if (last == nullptr) return std::nullopt;
        return pageBehind(last->instance, last->worker);
      });
}

// Pages of pins begin with the entry of a number.
kj::Promise<Reply> pins(Services& services, const Request& request) {
  queries::PinFilter filter{.workers = workerFilter(request),
                            .location = textParameter(request, "location", kLocationNameBytesMax),
                            .withChunks = flagParameter(request, "withChunks"),
                            .skip = numberParameter(request, "page", 0, UINT64_MAX / 2, 0),
                            .max = pageEntries(request)};
  const bool withChunks = filter.withChunks;
  const uint64_t skipped = filter.skip;
  const size_t max = filter.max;
  return answerPage(
      services, queries::PinCursor(services.registry.tree(), std::move(filter)), max, "pins",
      hashStyle(request),
      [withChunks](JsonWriter& json, const queries::PinView& pin) { write(json, pin, withChunks); },
      [skipped](const queries::PinCursor& cursor, size_t entries,
                const queries::PinView* last) -> std::optional<std::string> {
        // It finds fewer where they have many chunks.
        const bool all = last == nullptr && skipped + entries >= cursor.total();
        if (all || entries == 0) return std::nullopt;
        return std::to_string(skipped + entries);
      });
}

using Answers = kj::Promise<Reply> (*)(Services&, const Request&);

Route queryRoute(std::string_view path, Permission permission, std::string_view summary,
                 std::string_view answer, std::vector<Parameter> parameters, Services& services,
                 Answers answers) {
  return {.path = path,
          .permission = permission,
          .summary = summary,
          .body = {},
          .answer = answer,
          .parameters = std::move(parameters),
          .handle = [&services, answers](const std::shared_ptr<Request>& request) {
            return answers(services, *request);
          }};
}

}  // namespace

void addQueryRoutes(RouteTable& routes, Services& services) {
  addQuerySchemas(routes);
  routes.add(queryRoute("/v1/instances", Permission::kQuery,
                        "Instances, by name, with their ranks and whether look-ups name them",
                        kInstancesSchema, {kInstanceFilter, kMaxParameter, kPageParameter},
                        services, instances));
  routes.add(queryRoute(
      "/v1/workers", Permission::kQuery,
      "Workers, by instance and rank, with all that is known of their locations", kWorkersSchema,
      {kInstanceFilter, kWorkersFilter, kMaxParameter, kPageParameter}, services, workers));
  routes.add(queryRoute(
      "/v1/pins", Permission::kQuery,
      "What is pinned: an entry for each pin operation, rank and location", kPinsSchema,
      {kInstanceFilter,
       kWorkersFilter,
       {"location", "only of locations of this name", R"({"type":"string","maxLength":128})"},
       {"withChunks", "with the hashes of the pinned chunks", R"({"type":"boolean"})"},
       kHashesParameter,
       kMaxParameter,
       {"page", "the `next` of the page before; left out: the first page",
        R"({"type":"integer","minimum":0})"}},
      services, pins));
  Route repairs = queryRoute(
      "/v1/diverged", Permission::kStatus,
      "Locations that are being repaired or wait for it, and how far that is", kDivergedSchema,
      {kInstanceFilter, kWorkersFilter, kMaxParameter, kPageParameter}, services, diverged);
  repairs.leaderOnly = true;
  routes.add(std::move(repairs));
  routes.add(queryRoute(
      "/v1/status", Permission::kStatus, "The state of the controller in numbers", kStatusSchema,
      {}, services, [](Services& all, const Request&) -> kj::Promise<Reply> {
        return all.budget.readyToAnswer().then([&all]() { return Reply{.body = statusText(all)}; });
      }));
}

}  // namespace holdfast::http
