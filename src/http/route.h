// The routes of the HTTP door: one table, from which the server dispatches, checks who may, and
// describes itself (openapi.h).
#pragma once

#include <kj/array.h>
#include <kj/async.h>
#include <kj/compat/http.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/caller.h"

namespace holdfast::http {

// What a handler is given. Lives until its promise is done.
struct Request {
  Caller caller;
  std::vector<std::string> path;             // values of "{...}" in the route's path, in order
  std::map<std::string, std::string> query;  // decoded; only names that the route declares
  kj::Array<kj::byte> body;                  // whole; simdjson's padding follows it
  std::string lastEventId;                   // of the header Last-Event-ID
  kj::TimePoint arrived;                     // of its last byte, at the earliest
};

struct Reply {
  uint32_t status = 200;
  std::string body;
  std::string_view type = "application/json";
};

// A stream of server-sent events goes on after its reply began: see Route::stream.
class EventStream;

// What "schema" texts are: JSON Schema, as OpenAPI 3.1 embeds it. Static storage.
struct Parameter {
  std::string_view name;
  std::string_view description;
  std::string_view schema = R"({"type":"string"})";
};

struct Route {
  kj::HttpMethod method = kj::HttpMethod::GET;
  std::string_view path;  // "/v1/operations/{id}"
  Permission permission = Permission::kOpen;
  std::string_view summary;
  std::string_view body;                   // schema of the body; empty: none is read
  std::string_view answer;                 // schema of a 200
  std::vector<uint32_t> errors = {};       // besides 400, 401, 403, 413, 429, 503
  std::vector<Parameter> parameters = {};  // of the path, in order, then of the query
  std::function<kj::Promise<Reply>(std::shared_ptr<Request>)> handle = {};
  // Instead of `handle`: writes events until the peer leaves.
  std::function<kj::Promise<void>(std::shared_ptr<Request>, EventStream&)> stream = {};
};

class RouteTable {
 public:
  // The path must be new for the method.
  void add(Route route);
  const std::vector<Route>& all() const { return routes_; }

  struct Found {
    const Route* route = nullptr;  // null: none
    bool pathKnown = false;        // with another method
    std::vector<std::string> path;
  };
  Found find(kj::HttpMethod method, std::string_view path) const;

 private:
  std::vector<Route> routes_;
};

}  // namespace holdfast::http
