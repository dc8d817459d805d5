#include "command_line/output_end.h"

#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

namespace holdfast {
namespace {

// "holdfast-ctl workers | head" is no reason for a message.
bool readerIsGone() {
  pollfd output{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  return poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

}  // namespace

bool outputWritten(std::string_view program) {
  std::cout.flush();
  const bool flushed = std::fflush(stdout) == 0;
  if (std::cout && flushed && std::ferror(stdout) == 0) return true;
  if (!readerIsGone()) {
    std::cerr << program
              << ": the output cannot be written and is not complete; is there space where it "
                 "goes?\n";
  }
  return false;
}

}  // namespace holdfast
