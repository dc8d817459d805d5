#include "store/incoming_copy.h"

#include <fcntl.h>
#include <rocksdb/env.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>

#include "core/check.h"
#include "store/data_directory.h"
#include "store/incoming_files.h"
#include "store/unavailable.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

// No store has so many.
constexpr size_t kFilesMax = 1'000'000;

Error notAsListed(std::string what) {
  return {ErrorCode::kInvalid, std::move(what)};
}

std::optional<Error> wrongList(const CopyManifest& manifest) {
  // Names of a store's files have no slash in them.
  const bool wellFormed = decodeCopyManifest(encodeCopyManifest(manifest)).has_value();
  std::set<std::string_view> names;
  for (const CopiedFile& file : manifest.files) names.insert(file.name);
  if (wellFormed && manifest.files.size() <= kFilesMax && names.contains("CURRENT") &&
      names.size() == manifest.files.size()) {
    return std::nullopt;
  }
  return notAsListed("its list of files is none of a store");
}

std::optional<Error> noRoom(const CopyManifest& manifest, const std::string& directory) {
  struct statvfs disk = {};
  if (statvfs(directory.c_str(), &disk) != 0) return std::nullopt;
  const uint64_t free = uint64_t{disk.f_bavail} * disk.f_frsize;
  uint64_t bytes = 0;
  for (const CopiedFile& file : manifest.files) {
    if (file.bytes > free - bytes) {
      return unavailable("the disk of " + directory + " has room for " +
                         std::to_string(free >> 20) + " MiB, and the copy has more");
    }
    bytes += file.bytes;
  }
  return std::nullopt;
}

std::optional<Error> writeAll(int file, const char* data, size_t bytes) {
  while (bytes > 0) {
    const ssize_t put = write(file, data, bytes);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return unavailable(std::strerror(errno));
    data += put;
    bytes -= static_cast<size_t>(put);
  }
  return std::nullopt;
}

}  // namespace

struct IncomingCopy::Parts {
  explicit Parts(StoreOptions given) : options(std::move(given)), directory(options) {}
  ~Parts() { drop(); }

  std::string staging() const { return options.dataDir + "/" + kJoiningDirectory; }
  std::string nameOf(const CopiedFile& one) const { return staging() + "/" + one.name; }

  void drop() {
    closeFile();
    std::error_code ignored;  // the next start throws it away
    if (begun) fs::remove_all(staging(), ignored);
    begun = false;
  }
  void closeFile() {
    if (file >= 0) close(std::exchange(file, -1));
  }
  std::optional<Error> create(const std::string& path) {
    file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file < 0) return unavailable("cannot make " + path + ": " + std::strerror(errno));
    sum.emplace();
    got = 0;
    return std::nullopt;
  }
  // The file is whole.
  std::optional<Error> seal() {
    const CopiedFile& one = manifest.files[at];
    if (fsync(file) != 0) {
      return unavailable("cannot sync " + nameOf(one) + ": " + std::strerror(errno));
    }
    closeFile();
    const std::string came = sum->hex();
    if (!one.checksum.empty() && came != one.checksum) {
      return notAsListed("its file " + one.name + " has the checksum " + came +
                         " and should have " + one.checksum);
    }
    ++at;
    return std::nullopt;
  }
  // The next file that has bytes is open, or there is none: those without any are made.
  std::optional<Error> openNext() {
    while (file < 0 && at < manifest.files.size()) {
      if (auto wrong = create(nameOf(manifest.files[at]))) return wrong;
      if (manifest.files[at].bytes != 0) return std::nullopt;
      if (auto wrong = seal()) return wrong;
    }
    return std::nullopt;
  }

  const StoreOptions options;
  DataDirectory directory;
  CopyManifest manifest;
  bool begun = false;
  size_t at = 0;                    // the file that comes
  int file = -1;                    // -1: it is not open
  uint64_t got = 0;                 // bytes of it
  std::optional<FileChecksum> sum;  // of these
};

IncomingCopy::IncomingCopy(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
IncomingCopy::~IncomingCopy() = default;

Result<std::unique_ptr<IncomingCopy>> IncomingCopy::into(const StoreOptions& options) {
  StoreOptions own;
  own.dataDir = options.dataDir;
  own.create = options.create;
  own.log = options.log;
  auto parts = std::make_unique<Parts>(std::move(own));
  if (auto wrong = parts->directory.open(*rocksdb::Env::Default())) return *std::move(wrong);
  if (parts->directory.holdsStore()) return std::unique_ptr<IncomingCopy>();
  return std::unique_ptr<IncomingCopy>(new IncomingCopy(std::move(parts)));
}

std::optional<Error> IncomingCopy::begin(CopyManifest manifest) {
  Parts& parts = *parts_;
  parts.drop();
  if (auto wrong = wrongList(manifest)) return wrong;
  if (auto wrong = noRoom(manifest, parts.options.dataDir)) return wrong;
  if (mkdir(parts.staging().c_str(), S_IRWXU) != 0) {
    return unavailable("cannot make " + parts.staging() + ": " + std::strerror(errno));
  }
  parts.begun = true;
  parts.manifest = std::move(manifest);
  parts.at = 0;
  return std::nullopt;
}

std::optional<Error> IncomingCopy::add(const char* data, size_t bytes) {
  Parts& parts = *parts_;
  HOLDFAST_CHECK(parts.begun, "bytes of a copy that has not begun");
  if (auto wrong = parts.openNext()) return wrong;
  if (parts.at == parts.manifest.files.size()) return notAsListed("more came than its files have");
  const CopiedFile& one = parts.manifest.files[parts.at];
  if (bytes > one.bytes - parts.got) {
    return notAsListed("more than the " + std::to_string(one.bytes) + " bytes of its file " +
                       one.name + " came");
  }
  if (auto wrong = writeAll(parts.file, data, bytes)) {
    wrong->message = "cannot write " + parts.nameOf(one) + ": " + wrong->message;
    return wrong;
  }
  parts.sum->add(data, bytes);
  parts.got += bytes;
  return parts.got == one.bytes ? parts.seal() : std::nullopt;
}

std::optional<Error> IncomingCopy::finish() {
  Parts& parts = *parts_;
  HOLDFAST_CHECK(parts.begun, "the end of a copy that has not begun");
  if (auto wrong = parts.openNext()) return wrong;
  if (parts.at != parts.manifest.files.size()) {
    return notAsListed("less came than its files have");
  }
  const std::string list = parts.staging() + "/" + kCopyFile;
  if (auto wrong = parts.create(list)) return wrong;
  const std::string text = encodeCopyManifest(parts.manifest);
  auto wrong = writeAll(parts.file, text.data(), text.size());
  if (!wrong && fsync(parts.file) != 0) wrong = unavailable(std::strerror(errno));
  parts.closeFile();
  if (wrong) {
    wrong->message = "cannot write " + list + ": " + wrong->message;
    return wrong;
  }
  parts.begun = false;  // it is not to be thrown away any more
  return adoptIncoming(parts.options.dataDir);
}

}  // namespace holdfast
