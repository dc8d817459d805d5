// A notice as a line for people.
#pragma once

#include <string>

#include "core/notice.h"

namespace holdfast {

// One line without an end. Texts of peers that it quotes are escaped where they may be any bytes.
std::string sentenceOf(const Notice& notice);

}  // namespace holdfast
