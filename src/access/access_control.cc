#include "access/access_control.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

namespace holdfast {
namespace {

struct ReadFile {
  std::string text;
  mode_t mode = 0;
};

// Closes what it was given.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

Error cannotRead(const std::string& path, const std::string& why) {
  return {ErrorCode::kUnavailable, "cannot read the token file " + path + ": " + why};
}

// One byte more than is allowed, at most.
Result<ReadFile> readTokenFile(const std::string& path) {
  // A pipe would not let go of the loop.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat about {};
  if (file.get() < 0 || fstat(file.get(), &about) != 0) {
    return cannotRead(path, std::strerror(errno));
  }
  if (!S_ISREG(about.st_mode)) return cannotRead(path, "it is no file");
  ReadFile result{std::string(kTokenFileBytesMax + 1, '\0'), about.st_mode};
  size_t size = 0;
  while (size < result.text.size()) {
    const ssize_t got = read(file.get(), result.text.data() + size, result.text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannotRead(path, std::strerror(errno));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  result.text.resize(size);
  return result;
}

std::vector<std::string> warningsOfMode(const std::string& path, mode_t mode) {
  if ((mode & (S_IWGRP | S_IWOTH)) != 0) {
    return {"the token file " + path +
            " can be written by others, who can let in anybody: chmod 600 " + path};
  }
  if ((mode & S_IROTH) != 0) {
    return {"the token file " + path + " can be read by everybody on this machine: chmod 600 " +
            path};
  }
  return {};
}

}  // namespace

std::string_view nameOf(AuthFailure failure) {
  constexpr std::array<std::string_view, kAuthFailures> kNames = {
      "missing_token", "unknown_token", "denied", "other_instance", "late", "certificate"};
  return kNames[static_cast<size_t>(failure)];
}

Result<AccessControl> AccessControl::open(Options options) {
  AccessControl access(std::move(options));
  if (const auto wrong = access.reload()) return *wrong;
  return access;
}

std::optional<Error> AccessControl::reload() {
  if (options_.tokenFile.empty()) return std::nullopt;
  const auto file = readTokenFile(options_.tokenFile);
  if (!file.ok()) return file.error();
  auto lines = parseTokenFile(file.value().text, options_.tokenFile);
  if (!lines.ok()) return lines.error();

  std::map<TokenHash, const Entry*> former;
  for (const Entry& entry : entries_) former.emplace(entry.line.sha256, &entry);
  std::vector<Entry> entries;
  for (TokenEntry& line : lines.value()) {
    const auto same = former.find(line.sha256);
    const bool unchanged = same != former.end() && same->second->line == line;
    const uint64_t id = unchanged ? same->second->id : nextId_++;
    entries.push_back({std::move(line), id});
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.id < b.id; });
  entries_ = std::move(entries);
  warnings_ = warningsOfMode(options_.tokenFile, file.value().mode);
  return std::nullopt;
}

Result<Principal> AccessControl::authenticate(std::string_view token, Trust trust) const {
  if (token.empty()) {
    if (trust == Trust::kLocal || options_.off) return Principal{};
    return Error{ErrorCode::kUnauthenticated,
                 "a token is needed here, and none was sent; whoever runs this controller makes "
                 "one with 'holdfast-ctl token new'"};
  }
  const Entry* found = nullptr;
  if (token.size() <= kTokenBytesMax) {
    const TokenHash hash = hashOfToken(token);
    // All of them, whether it was found or not.
    for (const Entry& entry : entries_) {
      if (CRYPTO_memcmp(entry.line.sha256.data(), hash.data(), hash.size()) == 0) found = &entry;
    }
  }
  if (found != nullptr) {
    return Principal{found->line.name, found->line.role, found->line.instances, found->id};
  }
  if (options_.tokenFile.empty()) {
    return Error{ErrorCode::kUnauthenticated,
                 "a token was sent, but this controller has no token file (--tokens) that could "
                 "have it; send none"};
  }
  return Error{ErrorCode::kUnauthenticated,
               "the token that was sent is not in this controller's token file: it is mistyped, "
               "of another controller, or was taken out"};
}

bool AccessControl::isValid(const Principal& principal) const {
  if (principal.token == 0) return true;
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), principal.token,
                       [](const Entry& entry, uint64_t id) { return entry.id < id; });
  return found != entries_.end() && found->id == principal.token;
}

std::string_view AccessControl::mode() const {
  if (options_.off) return "off";
  return entries_.empty() ? "local" : "tokens";
}

}  // namespace holdfast
