#include "http/openapi.h"

#include <algorithm>
#include <cctype>
#include <memory>
#include <set>

#include "access/permissions.h"
#include "http/error_reply.h"
#include "http/json.h"

namespace holdfast::http {
namespace {

std::string lowerMethod(kj::HttpMethod method) {
  std::string name = kj::toCharSequence(method).cStr();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

// "getV1OperationsId": a name for generated clients.
std::string operationId(const Route& route) {
  std::string id = lowerMethod(route.method);
  bool upper = true;
  for (const char c : route.path) {
    const auto letter = static_cast<unsigned char>(c);
    if (std::isalnum(letter) == 0) {
      upper = true;
      continue;
    }
    id += upper ? static_cast<char>(std::toupper(letter)) : c;
    upper = false;
  }
  return id;
}

// Who may, as a sentence.
std::string audience(Permission permission) {
  if (permission == Permission::kOpen) return "Open to everybody.";
  std::string roles;
  for (size_t role = 0; role < kRoles; ++role) {
    if (!allows(static_cast<Role>(role), permission)) continue;
    roles += (roles.empty() ? "" : ", ") + std::string(nameOf(static_cast<Role>(role)));
  }
  return "For roles: " + roles + ".";
}

void writeContent(JsonWriter& json, std::string_view type, std::string_view schema) {
  json.key("content").beginObject().key(type).beginObject();
  json.key("schema").raw(schema);
  json.endObject().endObject();
}

void writeParameters(JsonWriter& json, const Route& route) {
  if (route.parameters.empty()) return;
  json.key("parameters").beginList();
  for (const Parameter& parameter : route.parameters) {
    const std::string inPath = "{" + std::string(parameter.name) + "}";
    const bool required = route.path.find(inPath) != std::string_view::npos;
    json.beginObject()
        .text("name", parameter.name)
        .text("in", required ? "path" : "query")
        .boolean("required", required)
        .text("description", parameter.description)
        .key("schema")
        .raw(parameter.schema)
        .endObject();
  }
  json.endList();
}

std::set<uint32_t> errorsOf(const Route& route) {
  // Whatever the route, the request may be malformed, too long, or come during a start.
  std::set<uint32_t> errors{400, 431, 500};
  if (route.permission != Permission::kOpen) errors.insert({401, 403, 503});
  if (!route.body.empty()) errors.insert({413, 503});
  errors.insert(route.errors.begin(), route.errors.end());
  for (const Answer& answer : route.otherAnswers) errors.erase(answer.status);
  return errors;
}

void writeError(JsonWriter& json, uint32_t status) {
  json.key(std::to_string(status)).beginObject().text("description", reasonOf(status));
  if (status == 401 || status == 503) {
    json.key("headers").beginObject();
    json.key(status == 401 ? "WWW-Authenticate" : "Retry-After").beginObject();
    json.key("schema").raw(status == 401 ? R"({"type":"string"})" : R"({"type":"integer"})");
    json.endObject().endObject();
  }
  writeContent(json, "application/json", R"({"$ref":"#/components/schemas/Error"})");
  json.endObject();
}

void writeAnswers(JsonWriter& json, const Route& route) {
  json.key("responses").beginObject();
  if (!route.answer.empty()) {
    json.key("200").beginObject().text("description", "OK");
    writeContent(json, route.answerType, route.answer);
    json.endObject();
  }
  for (const Answer& answer : route.otherAnswers) {
    json.key(std::to_string(answer.status)).beginObject().text("description", answer.description);
    writeContent(json, "application/json", answer.schema);
    json.endObject();
  }
  for (const uint32_t status : errorsOf(route)) writeError(json, status);
  json.endObject();
}

void writeRoute(JsonWriter& json, const Route& route) {
  json.key(lowerMethod(route.method)).beginObject();
  json.text("operationId", operationId(route));
  json.text("summary", route.summary);
  json.text("description", audience(route.permission));
  if (route.permission == Permission::kOpen) json.key("security").raw("[]");
  writeParameters(json, route);
  if (!route.body.empty()) {
    json.key("requestBody").beginObject().boolean("required", true);
    writeContent(json, "application/json", route.body);
    json.endObject();
  }
  writeAnswers(json, route);
  json.endObject();
}

}  // namespace

std::string openApi(const RouteTable& routes, std::string_view version) {
  std::string text;
  JsonWriter json(text);
  json.beginObject().text("openapi", "3.1.0");
  json.key("info").beginObject();
  json.text("title", "Holdfast").text("version", version);
  json.text("summary", "The control plane of a fleet of LLM KV caches");
  json.key("license").raw(R"({"name":"Apache-2.0","identifier":"Apache-2.0"})");
  json.endObject();
  json.key("servers").raw(R"([{"url":"/","description":"the controller that this came from"}])");
  // A token, or none where none is needed.
  json.key("security").raw(R"([{"token":[]},{}])");
  json.key("paths").beginObject();
  std::set<std::string_view> paths;
  for (const Route& route : routes.all()) paths.insert(route.path);
  for (const std::string_view path : paths) {
    json.key(path).beginObject();
    for (const Route& route : routes.all()) {
      if (route.path == path) writeRoute(json, route);
    }
    json.endObject();
  }
  json.endObject();
  json.key("components").beginObject();
  json.key("securitySchemes")
      .raw(R"({"token":{"type":"http","scheme":"bearer","description":)"
           R"("a token of the controller's token file; from loopback none is needed"}})");
  json.key("schemas").beginObject().key("Error").raw(kErrorSchema);
  for (const auto& [name, schema] : routes.schemas()) json.key(name).raw(schema);
  json.endObject().endObject().endObject();
  return text;
}

void addOpenApi(RouteTable& routes, std::string_view version) {
  Route route;
  route.path = "/openapi.json";
  route.summary = "This description";
  route.answer = R"({"type":"object"})";
  route.handle = [&routes, version = std::string(version),
                  document = std::make_shared<std::string>()](const auto&) -> kj::Promise<Reply> {
    if (document->empty()) *document = openApi(routes, version);
    return Reply{.body = *document};
  };
  routes.add(std::move(route));
}

}  // namespace holdfast::http
