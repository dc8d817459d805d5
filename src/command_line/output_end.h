// The end of a program's output.
#pragma once

#include <string_view>

namespace holdfast {

// Hands std::cout and stdout to the system. False: not all of it was taken (a full disk, a reader
// that is gone); standard error then says so, in the name of `program`, unless it was the reader.
// The exit code must not be that of success. Call it once, when everything has been printed.
bool outputWritten(std::string_view program);

}  // namespace holdfast
