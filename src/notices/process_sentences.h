// The sentences of core/notices/process.h, of the controller itself. Found by their arguments, as
// those of sentences.cc are.
#pragma once

#include <string>

#include "core/notices/process.h"

namespace holdfast::notice {

std::string sentence(const Starting& n);
std::string sentence(const Recovering& n);
std::string sentence(const Migrating& n);
std::string sentence(const Joining& n);
std::string sentence(const Joined& n);
std::string sentence(const JoinFailed& n);
std::string sentence(const Ready& n);
std::string sentence(const NoticesLeftOut& n);
std::string sentence(const Reloaded& n);
std::string sentence(const ReloadRefused& n);
std::string sentence(const RestartNeeded& n);
std::string sentence(const LogLevelChanged& n);
std::string sentence(const LimitNear& n);
std::string sentence(const CaptureEnded& n);
std::string sentence(const InternalError& n);

}  // namespace holdfast::notice
