// capture on, off.
#include "commands.h"
#include "describe.h"

namespace holdfast::ctl {

void switchCapture(Controller& controller, const Output& output, bool off,
                   const std::string& directory, bool redact) {
  auto request = controller.op().captureRequest();
  auto message = request.initMessage();
  message.setOff(off);
  message.setDirectory(textOf(directory));
  message.setRedact(redact);
  const auto response = controller.call(request, kPatienceForChanges);
  const std::string folder(viewOf(response.getFolder()));
  if (output.json) {
    JsonWriter json(output.out);
    json.beginObject();
    json.text("folder", folder);
    json.boolean("capturing", !off);
    json.endObject();
  } else {
    output.out << (off ? "ended; holdfast-replay " + folder + " replays it\n"
                       : "capturing into " + folder + "; workers register again\n");
  }
}

}  // namespace holdfast::ctl
