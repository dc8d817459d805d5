// The routes of the HTTP door: one table, from which the server dispatches, checks who may, and
// describes itself (openapi.h).
#pragma once

#include <kj/array.h>
#include <kj/async.h>
#include <kj/compat/http.h>
#include <kj/exception.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/caller.h"
#include "serving/side_thread.h"

namespace holdfast::http {

class EventStream;  // event_stream.h

// What a handler is given. Lives until its promise is done.
struct Request {
  Caller caller;
  std::vector<std::string> path;  // values of "{...}" in the route's path, decoded, in order
  std::map<std::string, std::string, std::less<>> query;  // decoded; only what the route declares
  // The body, whole, with the bytes behind it that simdjson wants: readBody() of body.h reads it.
  kj::Array<kj::byte> buffer;
  size_t bodyBytes = 0;
  std::string lastEventId;  // of the header Last-Event-ID; empty: none
  // No later than the arrival of the request's last byte, as closely as that is known.
  kj::TimePoint arrived = kj::origin<kj::TimePoint>();
  SideThread* bodies = nullptr;  // outlives the request
  // What an operator's call is about, for the log ("llama-0"): set by the handler.
  std::string about;
  std::string leader;  // where to go instead, of what only the leader answers; empty: unknown
  // Set by whoever measures its answers: called in the moment in which the answer's first bytes are
  // given to the socket.
  std::function<void(kj::TimePoint)> onSending = {};
};

// An error is a failure of the handler's promise with an exception of wireError(): the server makes
// the reply of it (error_reply.h). Any other exception is a fault of the program: 500.
struct Reply {
  uint32_t status = 200;
  std::string body = {};
  std::string_view type = "application/json";  // static storage
};

// What "schema" texts are: JSON Schema, as OpenAPI 3.1 embeds it. May refer to
// "#/components/schemas/NAME" of those that RouteTable::addSchema was given. Static storage.
struct Parameter {
  std::string_view name;
  std::string_view description;
  std::string_view schema = R"({"type":"string"})";
};

// An answer that is neither a 200 nor an error of the usual shape.
struct Answer {
  uint32_t status = 200;
  std::string_view description;
  std::string_view schema;  // of its JSON
};

struct Route {
  kj::HttpMethod method = kj::HttpMethod::GET;
  std::string_view path;  // "/v1/operations/{id}"
  Permission permission = Permission::kOpen;
  // Whether only the leader of a group of controllers answers (serving/replica_gate.h). Nothing: as
  // the permission says, what operates or manages is its.
  std::optional<bool> leaderOnly = {};
  std::string_view summary;
  std::string_view body;    // schema of the body; empty: none is read
  std::string_view answer;  // schema of a 200; for another type than JSON of its text
  std::string_view answerType = "application/json";
  std::vector<uint32_t> errors = {};  // of the usual shape, besides what every route has:
                                      // 400, 401, 403, 413, 431, 500, 503
  std::vector<Answer> otherAnswers = {};
  std::vector<Parameter> parameters = {};  // of the path, in order, then of the query
  // One of the two. On the loop's thread; work of more than about 0.1 ms goes on in pieces
  // (serving/). The promise is dropped when the peer leaves.
  std::function<kj::Promise<Reply>(std::shared_ptr<Request>)> handle = {};
  // The reply where the handler failed or the query is not what is declared here, if it is another
  // one than that of error_reply.h; then otherAnswers describes it. A pointer, since it is one for
  // many routes.
  Reply (*failed)(const kj::Exception& why) = nullptr;
  // Sends events until the peer leaves.
  std::function<kj::Promise<void>(std::shared_ptr<Request>, EventStream&)> stream = {};
};

class RouteTable {
 public:
  // The path must be new for the method. A path without "{...}" comes before those that match it
  // with one.
  void add(Route route);
  const std::vector<Route>& all() const { return routes_; }

  // A schema that others refer to by its name: JSON Schema. Static storage.
  void addSchema(std::string_view name, std::string_view schema);
  const std::map<std::string_view, std::string_view>& schemas() const { return schemas_; }

  // Instead of a 404 or a 405 where there is no route.
  void answerAllOthers(std::function<Reply()> reply) { others_ = std::move(reply); }
  const std::function<Reply()>& others() const { return others_; }

  struct Found {
    const Route* route = nullptr;   // null: none
    std::vector<std::string> path;  // as Request::path
  };
  // `path` without the query, not decoded; HEAD finds what GET does. Valid as long as nothing is
  // added.
  Found find(kj::HttpMethod method, std::string_view path) const;
  // What the path may be asked with, OPTIONS included: "GET, HEAD, OPTIONS"; empty: there is no
  // such path.
  std::string methodsOf(std::string_view path) const;

 private:
  std::vector<Route> routes_;  // those without parameters first
  size_t fixed_ = 0;           // of them
  std::map<std::string_view, std::string_view> schemas_;
  std::function<Reply()> others_;
};

}  // namespace holdfast::http
