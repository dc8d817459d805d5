// The sentences of core/notices/hashing.h. Found by their arguments, as those of sentences.cc are.
#pragma once

#include <string>

#include "core/notices/hashing.h"

namespace holdfast::notice {

std::string sentence(const HashingLearned& n);
std::string sentence(const HashingDiffers& n);
std::string sentence(const HashingUnknown& n);
std::string sentence(const HashingMixed& n);
std::string sentence(const HashingAgrees& n);

}  // namespace holdfast::notice
