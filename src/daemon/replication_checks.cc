#include "daemon/replication_checks.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>

#include "core/address.h"
#include "core/ids.h"
#include "replication/nats/nats_options.h"
#include "replication/records.h"

namespace holdfast {
namespace {

using replication::kAddressBytesMax;
using replication::kNodeBytesMax;

// Twice what a leader with nothing to say lets pass.
constexpr uint64_t kLeadAfterMsMin = 200;
constexpr size_t kJoinMax = 16;

// Of --replicate-nats: what is wrong with it.
std::optional<std::string> wrongServer(const std::string& server) {
  constexpr const char* kForm = ": nats://HOST:PORT or tls://HOST:PORT is meant";
  std::string_view rest = server;
  if (const size_t scheme = rest.find("://"); scheme != std::string_view::npos) {
    const std::string_view name = rest.substr(0, scheme);
    if (name != "nats" && name != "tls") return quotedForPeople(server) + kForm;
    rest.remove_prefix(scheme + 3);
  }
  // Without what is before the @, which may be a password.
  if (const size_t user = rest.rfind('@'); user != std::string_view::npos) {
    return "of the server " + quotedForPeople(rest.substr(user + 1)) +
           " user and password are in the URL, from where they get into logs: give them with "
           "--nats-user and --nats-password-file";
  }
  if (rest.empty()) return quotedForPeople(server) + kForm;
  const bool hasPort = rest.find(':') != std::string_view::npos;
  const auto address = parseAddress(hasPort ? std::string(rest) : std::string(rest) + ":4222");
  if (!address.ok()) return quotedForPeople(server) + ": " + address.error().message;
  return std::nullopt;
}

std::optional<std::string> unreadable(const char* option, const std::string& path) {
  if (path.empty()) return std::nullopt;
  errno = 0;
  if (std::ifstream file(path); file && file.peek() != std::ifstream::traits_type::eof()) {
    return std::nullopt;
  }
  return std::string(option) + ": " + path +
         " cannot be read: " + (errno != 0 ? std::strerror(errno) : "it is empty");
}

// A take-over with more of it would be none to anybody.
std::optional<OptionFault> tooLong(const char* key, const std::string& value, size_t most) {
  if (value.size() <= most) return std::nullopt;
  return OptionFault{"--" + std::string(key) + " has " + std::to_string(value.size()) +
                         " bytes, at most " + std::to_string(most) + " go into the group's log",
                     {key}};
}

std::optional<OptionFault> wrongNames(const Configuration::Replication& r,
                                      const std::string& listen) {
  if (!replication::isClusterName(r.cluster)) {
    return OptionFault{"--cluster " + quotedForPeople(r.cluster) +
                           ": the name of a group is 1 to 64 letters, digits, - and _",
                       {"cluster"}};
  }
  if (auto wrong = tooLong("node", r.node, kNodeBytesMax)) return wrong;
  // Where no name is given, the address is the name as well.
  const size_t addressMax = r.node.empty() ? kNodeBytesMax : kAddressBytesMax;
  if (auto wrong = tooLong("advertise", r.advertise, addressMax)) return wrong;
  if (r.advertise.empty()) {
    if (auto wrong = tooLong("listen", listen, addressMax)) return wrong;
  }
  if (!r.advertise.empty()) {
    if (const auto address = parseAddress(r.advertise); !address.ok()) {
      return OptionFault{"--advertise: " + address.error().message, {"advertise"}};
    }
  }
  return std::nullopt;
}

std::optional<OptionFault> wrongCredentials(const Configuration::Replication& r) {
  if (r.certificateFile.empty() != r.keyFile.empty()) {
    return OptionFault{"--nats-cert and --nats-key go together", {"nats-cert", "nats-key"}};
  }
  if (r.user.empty() != r.passwordFile.empty()) {
    return OptionFault{"--nats-user and --nats-password-file go together",
                       {"nats-user", "nats-password-file"}};
  }
  if (!r.credentialsFile.empty() && !r.user.empty()) {
    return OptionFault{"--nats-credentials is in place of --nats-user: give one of them",
                       {"nats-credentials", "nats-user"}};
  }
  const std::pair<const char*, const std::string*> files[] = {
      {"nats-password-file", &r.passwordFile},
      {"nats-credentials", &r.credentialsFile},
      {"nats-ca", &r.caFile},
      {"nats-cert", &r.certificateFile},
      {"nats-key", &r.keyFile},
      {"replica-token-file", &r.replicaTokenFile},
      {"replica-tls-cert", &r.replicaCertificateFile},
      {"replica-tls-key", &r.replicaKeyFile}};
  for (const auto& [key, path] : files) {
    if (auto text = unreadable((std::string("--") + key).c_str(), *path)) {
      return OptionFault{*std::move(text), {key}};
    }
  }
  if (r.replicaCaFile == "system") return std::nullopt;
  if (auto text = unreadable("--replica-tls-ca", r.replicaCaFile)) {
    return OptionFault{*std::move(text), {"replica-tls-ca"}};
  }
  return std::nullopt;
}

std::optional<OptionFault> wrongJoin(const Configuration::Replication& r) {
  if (r.replicaCertificateFile.empty() != r.replicaKeyFile.empty()) {
    return OptionFault{"--replica-tls-cert and --replica-tls-key go together",
                       {"replica-tls-cert", "replica-tls-key"}};
  }
  if (r.replicaCaFile.empty() && !r.replicaCertificateFile.empty()) {
    return OptionFault{"--replica-tls-cert is for TLS, which --replica-tls-ca asks for",
                       {"replica-tls-cert", "replica-tls-ca"}};
  }
  if (r.join.size() > kJoinMax) {
    return OptionFault{"--join names " + std::to_string(r.join.size()) + " controllers, at most " +
                           std::to_string(kJoinMax) + " are asked",
                       {"join"}};
  }
  for (const std::string& address : r.join) {
    if (const auto parsed = parseAddress(address); !parsed.ok()) {
      return OptionFault{"--join: " + parsed.error().message, {"join"}};
    }
  }
  return std::nullopt;
}

// Which of them says something about a group, as if there were one.
std::optional<std::string> ofNoGroup(const Configuration::Replication& r) {
  const Configuration::Replication unset;
  const std::pair<const char*, bool> keys[] = {
      {"cluster", r.cluster != unset.cluster},
      {"node", r.node != unset.node},
      {"advertise", r.advertise != unset.advertise},
      {"lead-after", r.silenceMs != unset.silenceMs},
      {"nats-user", r.user != unset.user},
      {"nats-password-file", r.passwordFile != unset.passwordFile},
      {"nats-credentials", r.credentialsFile != unset.credentialsFile},
      {"nats-tls", r.tls != unset.tls},
      {"nats-ca", r.caFile != unset.caFile},
      {"nats-cert", r.certificateFile != unset.certificateFile},
      {"nats-key", r.keyFile != unset.keyFile},
      {"nats-replicas", r.replicas != unset.replicas},
      {"nats-size", r.bytesMax != unset.bytesMax},
      {"join", !r.join.empty()},
      {"replica-token-file", r.replicaTokenFile != unset.replicaTokenFile},
      {"replica-tls-ca", r.replicaCaFile != unset.replicaCaFile},
      {"replica-tls-cert", r.replicaCertificateFile != unset.replicaCertificateFile},
      {"replica-tls-key", r.replicaKeyFile != unset.replicaKeyFile}};
  for (const auto& [key, isSet] : keys) {
    if (isSet) return key;
  }
  return std::nullopt;
}

}  // namespace

std::optional<OptionFault> wrongReplication(const Configuration& configuration) {
  const Configuration::Replication& r = configuration.replication;
  if (!r.on()) {
    const auto key = ofNoGroup(r);
    if (!key) return std::nullopt;
    return OptionFault{"--" + *key +
                           " is of a group of controllers: name the servers of its log with "
                           "--replicate-nats, or leave it out",
                       {*key}};
  }
  for (const std::string& server : r.servers) {
    if (auto text = wrongServer(server)) {
      return OptionFault{"--replicate-nats: " + *text, {"replicate-nats"}};
    }
  }
  if (!configuration.capture.directory.empty()) {
    return OptionFault{"--capture is not there in a group: what a follower has comes of no input",
                       {"capture", "replicate-nats"}};
  }
  if (auto wrong = wrongNames(r, configuration.listen.front())) return wrong;
  if (auto wrong = wrongJoin(r)) return wrong;
  if (auto wrong = wrongCredentials(r)) return wrong;
  if (r.silenceMs < kLeadAfterMsMin) {
    return OptionFault{
        "--lead-after is at least 200ms: a leader that is well says something every "
        "100ms only",
        {"lead-after"}};
  }
  const auto listens = parseAddress(configuration.listen.front());
  const bool all =
      listens.ok() && (listens.value().host == "0.0.0.0" || listens.value().host == "::");
  if (all && r.advertise.empty()) {
    return OptionFault{"--listen " + configuration.listen.front() +
                           " is no address that workers could be told: say which one with "
                           "--advertise",
                       {"listen", "replicate-nats"}};
  }
  return std::nullopt;
}

}  // namespace holdfast
