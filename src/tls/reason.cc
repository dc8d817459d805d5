#include "tls/reason.h"

#include <array>
#include <string_view>

namespace holdfast {
namespace {

struct Meaning {
  std::string_view sign;  // in what OpenSSL says
  std::string_view means;
};

// Of certificates that this side looked at.
constexpr std::array<Meaning, 8> kUntrusted = {{
    {"has expired", "its certificate has expired"},
    {"not yet valid", "its certificate is not valid yet"},
    {"ostname mismatch", "its certificate is for another name"},
    {"IP address mismatch", "its certificate is for another name"},
    {"self-signed", "its certificate is of an unknown authority"},
    {"self signed", "its certificate is of an unknown authority"},
    {"issuer certificate", "its certificate is of an unknown authority"},
    {"verify the first certificate", "its certificate is of an unknown authority"},
}};

// Of everything else. Alerts are what the other end said of this one; the first that fits counts.
constexpr std::array<Meaning, 15> kErrors = {{
    {"alert certificate required", "it wants a certificate of its clients, and none was sent"},
    {"alert unknown ca", "it does not know the authority of the certificate that was sent"},
    {"alert certificate expired", "the certificate that was sent has expired"},
    {"alert bad certificate", "it does not accept the certificate that was sent"},
    {"alert unsupported certificate", "it does not accept the certificate that was sent"},
    {"alert certificate unknown", "it does not accept the certificate that was sent"},
    {"alert handshake failure", "it ended the handshake: it wants a certificate, or other ciphers"},
    {"alert protocol version", "it speaks no version of TLS in common with this side"},
    {"did not return a certificate", "it sent no certificate"},
    {"certificate verify failed",
     "its certificate has expired, or is not of an authority that is let in"},
    {"unsupported protocol", "it speaks no TLS of version 1.2 or later"},
    {"no shared cipher", "it has no cipher in common with this side"},
    {"wrong version number", "it does not speak TLS"},
    {"packet length too long", "it does not speak TLS"},
    {"record layer failure", "it does not speak TLS"},
}};

std::string_view textOf(const kj::Exception& exception) {
  return {exception.getDescription().begin(), exception.getDescription().size()};
}

}  // namespace

std::string tlsReason(const kj::Exception& exception) {
  const std::string_view text = textOf(exception);
  if (text.find("certificate is not trusted") != std::string_view::npos) {
    for (const Meaning& one : kUntrusted) {
      if (text.find(one.sign) != std::string_view::npos) return std::string(one.means);
    }
    constexpr std::string_view kReason = "reason = ";
    const size_t at = text.find(kReason);
    if (at == std::string_view::npos) return "its certificate is not trusted";
    return "its certificate is not trusted: " + std::string(text.substr(at + kReason.size()));
  }
  if (text.find("provided no certificate") != std::string_view::npos) {
    return "it has no certificate";
  }
  // With TLS 1.3 a server looks at the client's certificate when the client takes the handshake for
  // done; what it says of it may come too late to be read.
  if (text.find("ended during write") != std::string_view::npos) {
    return "it ended the connection right after the handshake: it does not accept the certificate "
           "that was sent, or wants one";
  }
  if (text.find("OpenSSL error") == std::string_view::npos) return {};
  for (const Meaning& one : kErrors) {
    if (text.find(one.sign) != std::string_view::npos) return std::string(one.means);
  }
  // The last part of "error:0A000126:SSL routines::unexpected eof while reading".
  std::string_view last = text.substr(0, text.find('\n'));
  if (const size_t colon = last.rfind(':'); colon != std::string_view::npos) {
    last = last.substr(colon + 1);
  }
  return "it broke TLS (" + std::string(last) + ")";
}

bool isTlsCut(const kj::Exception& exception) {
  const std::string_view text = textOf(exception);
  return text.find("unexpected eof while reading") != std::string_view::npos ||
         text.find("without gracefully ending TLS") != std::string_view::npos ||
         text.find("TLS protocol error") != std::string_view::npos;
}

}  // namespace holdfast
