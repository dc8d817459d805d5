// log-level.
#include "commands.h"
#include "describe.h"

namespace holdfast::ctl {

void showLogLevel(Controller& controller, const Output& output, const std::string& level) {
  auto request = controller.op().logLevelRequest();
  request.setLevel(textOf(level));
  const auto response = controller.call(request, kUsualPatience);
  const std::string inForce(viewOf(response.getLevel()));
  if (output.json) {
    JsonWriter json(output.out);
    json.beginObject();
    json.text("level", inForce);
    json.endObject();
  } else {
    output.out << inForce << '\n';
  }
}

}  // namespace holdfast::ctl
