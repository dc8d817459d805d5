// A notice for programs.
#pragma once

#include <string>
#include <string_view>

#include "core/notice.h"

namespace holdfast {

// The members of a JSON object, without its braces:
//   "event":"worker_lost","instance":"llama","worker":3,...,"message":"instance 'llama' ..."
// Each field under its name, the sentence last. One line, valid UTF-8.
std::string jsonMembersOf(const Notice& notice);

// The inside of a JSON string. What is no UTF-8, or a control character, becomes \xNN or \n as in
// sentences, so that it is valid whatever a peer sent.
void appendJsonText(std::string& to, std::string_view text);

}  // namespace holdfast
