// What the fleet asks of a controller's HTTP door.
#pragma once

#include <kj/async-io.h>
#include <kj/compat/http.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace holdfast::fleet {

struct HttpAnswer {
  uint32_t status = 0;
  std::string body;
};

// Blocks its caller. A connection for each request: the controller may be another process since.
class ControllerHttp {
 public:
  // `url`: "http://HOST:PORT". `token`: of an operator; empty: none.
  ControllerHttp(std::string url, std::string token);

  // GET where `body` is empty. kUnavailable where nobody answers.
  Result<HttpAnswer> ask(std::string_view path, std::string_view body = {});

 private:
  std::string host_;
  const std::string token_;
  kj::Own<kj::HttpHeaderTable> headers_;
  kj::HttpHeaderId authorization_;
};

}  // namespace holdfast::fleet
