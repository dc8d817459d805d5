#include "http/metrics_route.h"

#include <memory>
#include <string>
#include <utility>

#include "metrics/scrape.h"

namespace holdfast::http {

void addMetricsRoute(RouteTable& routes, Services& services) {
  routes.add({.method = kj::HttpMethod::GET,
              .path = "/metrics",
              .permission = Permission::kMetrics,
              .summary = "All metrics in Prometheus' text format",
              .body = {},
              .answer = R"({"type":"string"})",
              .answerType = metrics::kContentType,
              .handle = [&services](const std::shared_ptr<Request>&) {
                return metrics::scrape(services).then([](std::string&& text) {
                  return Reply{.body = std::move(text), .type = metrics::kContentType};
                });
              }});
}

}  // namespace holdfast::http
