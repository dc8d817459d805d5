// The status as JSON.
#pragma once

#include <string>

#include "serving/services.h"

namespace holdfast::http {

std::string statusText(const Services& services);

}  // namespace holdfast::http
