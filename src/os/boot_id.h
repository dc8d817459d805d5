// Which run of the machine this is.
#pragma once

#include <string>

namespace holdfast {

// Another one after each boot; empty where the system has none.
std::string bootId();

}  // namespace holdfast
