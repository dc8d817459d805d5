// GET /: a page for people, as LMCache's controller has one. It has no data of its own: whoever
// may see some is decided where the page asks for it.
#include "http/lmcache/routes.h"

namespace holdfast::http::lmcache {
namespace {

constexpr std::string_view kPage = R"(<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Holdfast</title>
<style>
body { font-family: sans-serif; margin: 2em; }
td, th { padding: 0.2em 1em; text-align: left; }
</style></head>
<body>
<h1>Holdfast</h1>
<p id="state"></p>
<table><thead><tr><th>instance</th><th>worker</th><th>address</th><th>chunks</th>
<th>last heard of</th></tr></thead><tbody id="workers"></tbody></table>
<p><a href="metrics">metrics</a>, <a href="openapi.json">the interface</a></p>
<script>
const state = document.getElementById("state");
async function show() {
  try {
    const answer = await fetch("controller/workers");
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error.message);
    const rows = found.workers.map((worker) => {
      const row = document.createElement("tr");
      const heard = new Date(worker.last_heartbeat_time * 1000).toLocaleString();
      for (const text of [worker.instance_id, worker.worker_id, worker.ip + " " + worker.port,
                          worker.key_count, heard]) {
        row.insertCell().textContent = text;
      }
      return row;
    });
    document.getElementById("workers").replaceChildren(...rows);
    state.textContent = found.total_count + " workers";
  } catch (error) {
    state.textContent = error.message;
  }
}
show();
setInterval(show, 5000);
</script>
</body>
</html>
)";

}  // namespace

void addPage(RouteTable& routes) {
  routes.add({.path = "/",
              .permission = Permission::kOpen,
              .summary = "A page that shows who is there",
              .body = {},
              .answer = R"({"type":"string"})",
              .answerType = "text/html; charset=utf-8",
              .handle = [](const std::shared_ptr<Request>&) -> kj::Promise<Reply> {
                return Reply{.body = std::string(kPage), .type = "text/html; charset=utf-8"};
              }});
}

}  // namespace holdfast::http::lmcache
