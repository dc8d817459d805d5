// holdfast-replay: gives the messages of a capture log to a core, a store or a controller again.
#include <kj/exception.h>

#include <iostream>

#include "command_line/output_end.h"
#include "reach/controller.h"
#include "replay/replay.h"

int main(int argc, char** argv) {
  using namespace holdfast;
  const replay::ParsedOptions parsed = replay::parseOptions(argc, argv);
  if (!parsed.options) return parsed.exitCode;
  auto log = LogReader::open(parsed.options->logs);
  if (!log.ok()) {
    std::cerr << "holdfast-replay: " << log.error().message << '\n';
    return replay::kUnreadable;
  }
  try {
    const int code = replay::replay(*log.value(), *parsed.options);
    return outputWritten("holdfast-replay") ? code : replay::kUnreadable;
  } catch (const reach::Unreachable& e) {
    std::cerr << "holdfast-replay: " << e.what() << '\n';
    return replay::kUnreadable;
  } catch (const kj::Exception&) {
    std::cerr << "holdfast-replay: the log has an entry that this program does not understand; it "
                 "is damaged, or written by a newer version\n";
    return replay::kUnreadable;
  }
}
