#include "commands.h"
#include "describe.h"

namespace holdfast::ctl {
namespace {

// Logs of some hundred MiB are copied, and every table file of a store that knows no checksums of
// them is read.
constexpr Patience kPatienceForBackups{3'600'000};

}  // namespace

bool backUp(Controller& controller, const Output& output, const std::string& path) {
  auto request = controller.op().backupRequest();
  request.initMessage().setPath(textOf(path));
  const auto response = controller.call(request, kPatienceForBackups);
  const auto made = response.getAnswer();
  if (output.json) {
    JsonWriter json(output.out);
    json.beginObject();
    json.text("path", viewOf(made.getPath()));
    json.number("bytes", made.getBytes());
    json.number("sequence", made.getSequence());
    json.number("instances", made.getInstances());
    json.number("workers", made.getWorkers());
    json.number("memberships", made.getMemberships());
    json.text("registryDigest", viewOf(made.getRegistryDigest()));
    json.number("milliseconds", made.getMilliseconds());
    json.endObject();
    return true;
  }
  output.out << "backup in " << stringOf(made.getPath()) << ": " << bytesText(made.getBytes())
             << ", as of write " << grouped(made.getSequence()) << ", "
             << grouped(made.getWorkers()) << " workers in " << grouped(made.getInstances())
             << " instances with " << grouped(made.getMemberships()) << " memberships, in "
             << durationText(made.getMilliseconds()) << "\nregistry digest "
             << stringOf(made.getRegistryDigest())
             << "; holdfast-inspect verify checks it, holdfastd --data-dir starts on it\n";
  return true;
}

}  // namespace holdfast::ctl
