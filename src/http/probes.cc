#include "http/probes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "http/error_reply.h"
#include "http/json.h"

namespace holdfast::http {
namespace {

constexpr std::array<std::string_view, 6> kStateNames = {"ready",     "migrating", "recovering",
                                                         "read-only", "standby",   "stale"};

constexpr std::string_view kReadinessSchema =
    R"({"type":"object","required":["state"],)"
    R"("properties":{"state":{"type":"string","enum":["ready","migrating","recovering",)"
    R"("read-only","standby","stale"]},)"
    R"("role":{"type":"string","enum":["alone","bootstrapping","follower","candidate","leader",)"
    R"("cutOff"],)"
    R"("description":"in its group of controllers"},)"
    R"("done":{"type":"number","minimum":0,"maximum":1,"description":"of what it does"},)"
    R"("etaSeconds":{"type":"number","minimum":0},)"
    R"("reason":{"type":"string","description":"for people"}}})";

double rounded(double value, double step) {
  return std::round(value / step) * step;
}

std::string bodyOf(const Readiness& readiness) {
  std::string body;
  JsonWriter json(body);
  json.beginObject().text("state", nameOf(readiness.state));
  if (!readiness.role.empty()) json.text("role", readiness.role);
  if (readiness.done)
    json.real("done", std::clamp(rounded(*readiness.done * 100, 1) / 100, 0., 1.));
  if (readiness.etaSeconds)
    json.real("etaSeconds", std::max(0., rounded(*readiness.etaSeconds, 1)));
  if (!readiness.reason.empty()) json.text("reason", readiness.reason);
  json.endObject();
  return body;
}

Route openRoute(std::string_view path, std::string_view summary, std::string_view answer) {
  Route route;
  route.path = path;
  route.summary = summary;
  route.answer = answer;
  return route;
}

}  // namespace

std::string_view nameOf(Readiness::State state) {
  return kStateNames[static_cast<size_t>(state)];
}

void addProbes(RouteTable& routes, std::string_view version,
               const std::function<Readiness()>& readiness) {
  routes.addSchema("Readiness", kReadinessSchema);
  Route live =
      openRoute("/livez", "Whether the process answers",
                R"({"type":"object","required":["alive"],"properties":{"alive":{"const":true}}})");
  live.handle = [](const auto&) -> kj::Promise<Reply> {
    return Reply{.body = R"({"alive":true})"};
  };
  routes.add(std::move(live));

  for (const std::string_view path : {"/readyz", "/healthz", "/health"}) {
    Route ready = openRoute(path, "Whether the controller can be used, and if not, why",
                            R"({"$ref":"#/components/schemas/Readiness"})");
    ready.otherAnswers = {
        {503, "It cannot be used now", R"({"$ref":"#/components/schemas/Readiness"})"}};
    ready.handle = [readiness](const auto&) -> kj::Promise<Reply> {
      const Readiness now = readiness();
      return Reply{.status = now.state == Readiness::State::kReady ? 200u : 503u,
                   .body = bodyOf(now)};
    };
    routes.add(std::move(ready));
  }

  Route versions = openRoute("/version", "Which version this is",
                             R"({"type":"object","required":["version"],)"
                             R"("properties":{"version":{"type":"string"}}})");
  versions.handle = [version = std::string(version)](const auto&) -> kj::Promise<Reply> {
    Reply reply;
    JsonWriter(reply.body).beginObject().text("version", version).endObject();
    return reply;
  };
  routes.add(std::move(versions));
}

Reply notReady(const Readiness& readiness) {
  std::string message = "the controller is " + std::string(nameOf(readiness.state));
  if (readiness.done) {
    message += ", " + std::to_string(static_cast<int>(*readiness.done * 100)) + " % done";
  }
  if (!readiness.reason.empty()) message += ": " + readiness.reason;
  return errorReply({ErrorCode::kUnavailable, message});
}

}  // namespace holdfast::http
