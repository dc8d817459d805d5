#include "replication/nats/stream.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "replication/records.h"

namespace holdfast::replication::nats {
namespace {

// Beside a record's bytes a message has its subject.
constexpr int32_t kMessageBytesMax = static_cast<int32_t>(kRecordBytesMax) + 4096;

constexpr std::chrono::milliseconds kAskInterval{250};
// Of a new group's start it is most of the time, so it is short.
constexpr std::chrono::milliseconds kDoubtOfNoneMax{1000};

std::string streamName(const NatsOptions& options) {
  return "HF-" + options.cluster + "-" + std::to_string(options.shard);
}
std::string subjectPrefix(const NatsOptions& options) {
  return "hf." + options.cluster + "." + std::to_string(options.shard) + ".";
}

std::string drawIdentity() {
  std::random_device random;
  std::string identity;
  for (int i = 0; i < 32; ++i) identity += "0123456789abcdef"[random() & 15];
  return identity;
}

std::string serversOf(const NatsOptions& options) {
  std::string all;
  for (const std::string& server : options.servers) all += (all.empty() ? "" : ", ") + server;
  return all;
}

jsOptions asking(const NatsOptions& options) {
  jsOptions js;
  jsOptions_Init(&js);
  js.Wait = options.patience.count();
  return js;
}

// What of a stream's configuration could lose records that were acknowledged, and what to do.
std::optional<std::string> wrong(const jsStreamConfig& config, const NatsOptions& options) {
  if (config.Storage != js_FileStorage) return "keeps its records in memory";
  if (config.Retention != js_LimitsPolicy) {
    return "drops records when somebody has read them (its retention is not \"limits\")";
  }
  if (config.Discard != js_DiscardOld) {
    return "refuses new records when it is full; set --discard=old";
  }
  if (!config.DenyDelete || !config.DenyPurge) {
    return "lets records be deleted; make it with --deny-delete --deny-purge";
  }
  if (config.MaxAge != 0) return "drops records by their age; set --max-age=0";
  if (config.MaxMsgs > 0) return "drops records by their number; set --max-msgs=-1";
  if (config.MaxMsgsPerSubject > 0) {
    return "drops records by their number; set --max-msgs-per-subject=-1";
  }
  if (config.MaxMsgSize > 0 && config.MaxMsgSize < static_cast<int32_t>(kRecordBytesMax)) {
    return "takes no records of " + std::to_string(kRecordBytesMax) + " bytes; set --max-msg-size";
  }
  if (config.NoAck) return "acknowledges nothing";
  if (config.Mirror != nullptr || config.SourcesLen > 0) return "is filled by another stream";
  if (config.Replicas < static_cast<int64_t>(options.replicas)) {
    return "has " + std::to_string(config.Replicas) + " replicas instead of " +
           std::to_string(options.replicas) +
           "; set --replicas=" + std::to_string(options.replicas);
  }
  return std::nullopt;
}

Result<Stream> identify(const jsStreamInfo& info, const NatsOptions& options) {
  const jsStreamConfig& config = *info.Config;
  const std::string prefix = subjectPrefix(options);
  const std::string subject = config.SubjectsLen == 1 ? config.Subjects[0] : "";
  if (!subject.starts_with(prefix) || subject.size() == prefix.size() ||
      subject.find_first_of(".*>", prefix.size()) != std::string::npos) {
    return Error{ErrorCode::kRefused, "stream " + streamName(options) +
                                          " is not one that a controller has made: it has "
                                          "not one subject " +
                                          prefix + "IDENTITY; choose another cluster's name"};
  }
  std::string warning;
  if (const auto what = wrong(config, options)) {
    warning = "stream " + streamName(options) + " " + *what + " (nats stream edit " +
              streamName(options) + ")";
  }
  return Stream{.name = streamName(options),
                .subject = subject,
                .identity = subject.substr(prefix.size()),
                .first = info.State.FirstSeq,
                .last = info.State.LastSeq,
                .warning = std::move(warning)};
}

// What to do about JetStream's errors that do not go away by themselves. Empty: of others.
std::string advice(int code, const NatsOptions& options) {
  const std::string size = std::to_string(options.bytesMax >> 20) + " MiB";
  const std::string copies = std::to_string(options.replicas);
  switch (code) {
    case JSStorageResourcesExceededErr:
    case JSInsufficientResourcesErr:
    case JSAccountResourcesExceededErr:
      return "a log of " + size +
             " (--nats-size) does not fit into what the servers may use: raise max_file_store of "
             "their jetstream block, or make the log smaller";
    case JSClusterNoPeersErr:
      return "no " + copies + " servers (--nats-replicas) are up and have " + size +
             " (--nats-size) of max_file_store left";
    case JSStreamReplicasNotSupportedErr:
      return "a log with " + copies +
             " copies (--nats-replicas) needs servers in one cluster; for a trial on a single "
             "server: --nats-replicas 1";
    case JSNotEnabledErr:
    case JSNotEnabledForAccountErr:
      return "the servers need a jetstream block in their configuration, and the user's account "
             "JetStream enabled";
    default:
      return {};
  }
}

Error unanswered(natsStatus status, int code, const std::string& what, const NatsOptions& options) {
  std::string text = what + ": " + reason(status);
  if (code != 0) text += " (JetStream error " + std::to_string(code) + ")";
  if (const std::string hint = advice(code, options); !hint.empty()) {
    text += "; " + hint;
  }
  return {ErrorCode::kUnavailable, std::move(text)};
}

// As one answer has it; kNotFound: there is none.
Result<Stream> findStream(jsCtx* js, const NatsOptions& options) {
  const std::string name = streamName(options);
  jsOptions how = asking(options);
  jsErrCode code{};
  jsStreamInfo* raw = nullptr;
  const natsStatus status = js_GetStreamInfo(&raw, js, name.c_str(), &how, &code);
  const StreamInfo info(raw);
  if (code == JSStreamNotFoundErr) {
    return Error{ErrorCode::kNotFound, "stream " + name + " is not there"};
  }
  if (status != NATS_OK) return unanswered(status, code, "stream " + name, options);
  return identify(*info, options);
}

Result<Stream> checked(const Stream& stream) {
  if (!stream.warning.empty()) return Error{ErrorCode::kRefused, stream.warning};
  return stream;
}

Result<Stream> makeStream(jsCtx* js, const NatsOptions& options) {
  const std::string name = streamName(options);
  const std::string subject = subjectPrefix(options) + drawIdentity();
  std::array<const char*, 1> subjects = {subject.c_str()};
  jsStreamConfig config;
  jsStreamConfig_Init(&config);
  config.Name = name.c_str();
  config.Description = "Log of a group of Holdfast controllers";
  config.Subjects = subjects.data();
  config.SubjectsLen = 1;
  config.Storage = js_FileStorage;
  config.Retention = js_LimitsPolicy;
  config.Discard = js_DiscardOld;
  config.MaxBytes = static_cast<int64_t>(options.bytesMax);
  config.MaxMsgSize = kMessageBytesMax;
  config.Replicas = options.replicas;
  config.DenyDelete = true;
  config.DenyPurge = true;
  jsOptions how = asking(options);
  jsErrCode code{};
  jsStreamInfo* raw = nullptr;
  const natsStatus status = js_AddStream(&raw, js, &config, &how, &code);
  const StreamInfo info(raw);
  // Another controller may have been faster.
  if (code != JSStreamNameExistErr && status != NATS_OK) {
    return unanswered(status, code, "stream " + name, options);
  }
  const auto made = status == NATS_OK ? identify(*info, options) : findStream(js, options);
  if (made.ok()) return checked(made.value());
  if (made.error().code != ErrorCode::kNotFound) return made;
  return Error{ErrorCode::kUnavailable, made.error().message + ", and cannot be made"};
}

// Whether there is none. One server by itself knows. What a node of several makes before it knows
// of an older stream takes that one's place, so nobody makes one at the first answer.
Doubt doubtOfNone(const NatsOptions& options) {
  if (!options.identity.empty()) return {kDoubtTimes, options.doubt};
  if (options.replicas == 1) return {1, std::chrono::milliseconds(0)};
  return {kDoubtTimes, std::min(options.doubt, kDoubtOfNoneMax)};
}

}  // namespace

std::optional<std::string> invalid(const NatsOptions& options) {
  if (options.servers.empty()) return "no server of the log is named";
  if (!isClusterName(options.cluster)) {
    return "the cluster's name '" + options.cluster +
           "' must be 1 to 64 letters, digits, '-' and '_'";
  }
  if (options.replicas < 1 || options.replicas > 5) {
    return "a log has 1 to 5 replicas, not " + std::to_string(options.replicas);
  }
  if (!options.credentialsFile.empty() && !options.user.empty()) {
    return "a user and a file of credentials cannot both be used";
  }
  if (options.certificateFile.empty() != options.keyFile.empty()) {
    return "a certificate needs its key, and a key its certificate";
  }
  return std::nullopt;
}

Result<Options> prepare(const NatsOptions& options) {
  natsOptions* raw = nullptr;
  natsStatus status = natsOptions_Create(&raw);
  Options made(raw);
  std::vector<const char*> servers;
  for (const std::string& server : options.servers) servers.push_back(server.c_str());
  const auto set = [&](natsStatus result) {
    if (status == NATS_OK) status = result;
  };
  const auto file = [&](natsStatus result, const std::string& path) -> std::optional<Error> {
    if (result == NATS_OK) return std::nullopt;
    return Error{ErrorCode::kInvalid, path + " cannot be used: " + reason(result)};
  };
  if (status == NATS_OK) {
    set(natsOptions_SetServers(raw, servers.data(), static_cast<int>(servers.size())));
    set(natsOptions_SetName(raw, "holdfastd"));
    set(natsOptions_SetNoRandomize(raw, true));
    set(natsOptions_SetTimeout(raw, options.patience.count()));
    set(natsOptions_SetMaxReconnect(raw, -1));
    set(natsOptions_SetReconnectWait(raw, options.reconnectInterval.count()));
    set(natsOptions_SetReconnectJitter(raw, options.reconnectInterval.count() / 2,
                                       options.reconnectInterval.count() / 2));
    // A server that says nothing for so long is gone.
    set(natsOptions_SetPingInterval(raw, 1000));
    set(natsOptions_SetMaxPingsOut(raw, 2));
    // Without it a write waits for as long as a server takes nothing, and holds up everything else
    // that is done with the connection, the pings and its end too.
    set(natsOptions_SetWriteDeadline(raw, options.patience.count()));
  }
  if (status == NATS_OK && !options.user.empty()) {
    set(natsOptions_SetUserInfo(raw, options.user.c_str(), options.password.c_str()));
  }
  if (status == NATS_OK && options.tls) set(natsOptions_SetSecure(raw, true));
  if (status != NATS_OK) {
    return Error{ErrorCode::kInvalid,
                 "the log's servers (" + serversOf(options) + "): " + reason(status)};
  }
  if (!options.credentialsFile.empty()) {
    if (auto error = file(
            natsOptions_SetUserCredentialsFromFiles(raw, options.credentialsFile.c_str(), nullptr),
            options.credentialsFile)) {
      return *std::move(error);
    }
  }
  if (!options.caFile.empty()) {
    if (auto error = file(natsOptions_LoadCATrustedCertificates(raw, options.caFile.c_str()),
                          options.caFile)) {
      return *std::move(error);
    }
  }
  if (!options.certificateFile.empty()) {
    if (auto error = file(natsOptions_LoadCertificatesChain(raw, options.certificateFile.c_str(),
                                                            options.keyFile.c_str()),
                          options.certificateFile)) {
      return *std::move(error);
    }
  }
  return made;
}

Result<Connection> connect(const NatsOptions& options, natsOptions* prepared) {
  natsConnection* raw = nullptr;
  const natsStatus status = natsConnection_Connect(&raw, prepared);
  if (status == NATS_OK) return Connection(raw);
  std::string text = "the log's servers (" + serversOf(options) + "): " + reason(status);
  switch (status) {
    case NATS_CONNECTION_AUTH_FAILED:
      return Error{ErrorCode::kDenied, text + "; check user and password, or the credentials"};
    case NATS_SECURE_CONNECTION_REQUIRED:
      return Error{ErrorCode::kRefused, text + "; they want TLS"};
    case NATS_SECURE_CONNECTION_WANTED:
      return Error{ErrorCode::kRefused, text + "; they have no TLS"};
    case NATS_SSL_ERROR:
      return Error{ErrorCode::kRefused, text + "; check the CA's file and the server's name"};
    default:
      return Error{ErrorCode::kUnavailable, text};
  }
}

Result<Stream> lookAgain(jsCtx* js, const Stream& stream, const NatsOptions& options) {
  auto found = findStream(js, options);
  if (!found.ok() && found.error().code == ErrorCode::kNotFound) {
    return Error{ErrorCode::kNotFound, "stream " + stream.name + " was deleted"};
  }
  if (!found.ok() && found.error().code == ErrorCode::kUnavailable) return found;
  if (!found.ok() || found.value().identity != stream.identity) {
    return Error{ErrorCode::kNotFound,
                 "stream " + stream.name + " was made anew: it is no longer " + stream.identity};
  }
  return found;
}

std::optional<Error> tooSmall(natsConnection* connection, const NatsOptions& options) {
  const int64_t most = natsConnection_GetMaxPayload(connection);
  if (most >= static_cast<int64_t>(kRecordBytesMax)) return std::nullopt;
  return Error{ErrorCode::kRefused,
               "the log's servers (" + serversOf(options) + ") take messages of at most " +
                   std::to_string(most) + " bytes, and a record has up to " +
                   std::to_string(kRecordBytesMax) +
                   "; set max_payload in each server's configuration to that or more (without it "
                   "they take 1MB)"};
}

Result<Stream> openStream(jsCtx* js, const NatsOptions& options) {
  const bool known = !options.identity.empty();
  Doubt missing = doubtOfNone(options);
  Doubt tooShort(kDoubtTimes, options.doubt);
  for (;; std::this_thread::sleep_for(kAskInterval)) {
    const auto found = findStream(js, options);
    const auto now = std::chrono::steady_clock::now();
    if (found.ok()) {
      missing.over();
      if (found.value().last < options.sequence && !tooShort.again(now)) continue;
      return checked(found.value());
    }
    if (found.error().code != ErrorCode::kNotFound) return found;
    tooShort.over();
    if (!missing.again(now)) continue;
    if (!known) return makeStream(js, options);
    return Error{ErrorCode::kNotFound,
                 found.error().message + ", and this store is of the log " + options.identity +
                     " that it was: bring the stream back, or check the cluster's name; no other "
                     "one is made for this store"};
  }
}

}  // namespace holdfast::replication::nats
