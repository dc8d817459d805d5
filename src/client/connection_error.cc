#include "client/connection_error.h"

#include <cctype>
#include <string>
#include <utility>

#include "tls/reason.h"
#include "wire/errors.h"

namespace holdfast {
namespace {

std::string lowerFirst(std::string_view text) {
  std::string lower(text);
  if (!lower.empty()) lower[0] = static_cast<char>(std::tolower(static_cast<uint8_t>(lower[0])));
  return lower;
}

// KJ words a failed call of the system as "connect(): Connection refused"; what the system says is
// the end of it. Empty if it is something else.
std::string systemReason(std::string_view text) {
  constexpr std::string_view kCallEnd = "): ";
  const size_t call = text.find('(');
  const size_t end = text.find(kCallEnd, call);
  if (call == std::string_view::npos || end == std::string_view::npos) return {};
  for (const char c : text.substr(0, call)) {
    if (std::isalnum(static_cast<uint8_t>(c)) == 0 && c != ':' && c != '_') return {};
  }
  text = text.substr(end + kCallEnd.size());
  return lowerFirst(text.substr(0, text.find(';')));
}

// "DNS lookup failed.; params.host = ...; gai_strerror(status) = Name or service not known"
std::string resolverReason(std::string_view text) {
  constexpr std::string_view kStatus = "gai_strerror(status) = ";
  const size_t at = text.find(kStatus);
  if (at == std::string_view::npos) return {};
  text = text.substr(at + kStatus.size());
  return lowerFirst(text.substr(0, text.find(';')));
}

std::string cannotReach(std::string_view controller, const std::string& why) {
  return "cannot reach the controller at " + std::string(controller) + ": " + why;
}

// Of TLS; `reason` is of tlsReason().
std::string cannotSecure(std::string_view controller, const std::string& reason) {
  std::string remedy;
  if (reason.find("unknown authority") != std::string::npos) {
    remedy = "; name a file with that authority (tls-ca)";
  } else if (reason.find("another name") != std::string::npos) {
    remedy = "; give a host name that it has (tls-server-name)";
  } else if (reason.find("not speak TLS") != std::string::npos) {
    remedy = "; leave tls-ca out if that is right";
  } else if (reason.find("wants a certificate") != std::string::npos) {
    remedy = " (tls-cert, tls-key)";
  }
  return "cannot reach the controller at " + std::string(controller) + " by TLS: " + reason +
         remedy;
}

std::string whatHappened(const kj::Exception& exception, std::string_view text,
                         std::string_view controller, ConnectionStep step) {
  const auto at = std::string(controller);
  const bool timedOut = exception.getType() == kj::Exception::Type::OVERLOADED;
  const std::string reason = systemReason(text);
  switch (step) {
    case ConnectionStep::kResolving: {
      if (timedOut) return cannotReach(at, "its name was not resolved in time");
      const std::string resolver = resolverReason(text);
      return cannotReach(at, resolver.empty() ? "this is no address, use HOST:PORT or unix:PATH"
                                              : "its name cannot be resolved: " + resolver);
    }
    case ConnectionStep::kConnecting:
      if (timedOut) return cannotReach(at, "nothing answers there");
      if (reason == "connection refused" || reason == "no such file or directory") {
        return cannotReach(at, reason + "; is holdfastd running there?");
      }
      return cannotReach(at, reason.empty() ? "connecting failed" : reason);
    case ConnectionStep::kSecuring: {
      if (timedOut) return cannotSecure(at, "it does not answer; does it speak TLS?");
      const std::string why = tlsReason(exception);
      return cannotSecure(at, why.empty() || isTlsCut(exception)
                                  ? "it closed the connection; does it speak TLS?"
                                  : why);
    }
    case ConnectionStep::kGreeting:
      if (const std::string why = tlsReason(exception); !why.empty()) return cannotSecure(at, why);
      if (timedOut) {
        return "the controller at " + at +
               " accepts connections but does not answer: it is stopped or overloaded, or another "
               "program listens there";
      }
      if (!reason.empty() || text.starts_with("Peer disconnected")) {
        return cannotReach(at,
                           "the connection was closed before an answer came; does it want TLS?");
      }
      return "what listens at " + at + " is no controller: it does not speak its protocol";
    case ConnectionStep::kTalking:
      break;
  }
  if (timedOut) return "the controller at " + at + " did not answer in time";
  if (exception.getType() == kj::Exception::Type::DISCONNECTED) {
    return "the connection to the controller at " + at + " was lost" +
           (reason.empty() ? "" : ": " + reason);
  }
  return "the connection to the controller at " + at + " failed, it will be made anew";
}

}  // namespace

Error toError(const kj::Exception& exception, std::string_view controller, ConnectionStep step) {
  if (auto said = errorOf(exception)) return *std::move(said);
  const auto [text, remote] = descriptionOf(exception);
  if (!remote) return {ErrorCode::kUnavailable, whatHappened(exception, text, controller, step)};
  if (exception.getType() == kj::Exception::Type::UNIMPLEMENTED) {
    return {ErrorCode::kUnavailable, "what listens at " + std::string(controller) +
                                         " does not know this call: it is a controller of an older "
                                         "version, or something else"};
  }
  return {ErrorCode::kUnavailable,
          "the controller at " + std::string(controller) + " failed: " + std::string(text)};
}

}  // namespace holdfast
