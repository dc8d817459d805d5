// holdfast-replay: gives the messages of a capture log to a core, a store or a controller again.
#include <kj/exception.h>

#include <exception>
#include <iostream>

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
    return replay::replay(*log.value(), *parsed.options);
  } catch (const kj::Exception& e) {
    std::cerr << "holdfast-replay: " << e.getDescription().cStr() << '\n';
    return replay::kUnreadable;
  }
}
