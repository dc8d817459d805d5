#include "capture/log_reader.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "capture/crc32c.h"
#include "capture/log_format.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

// How much of an entry may be read, in times its own words: who shows and plays it reads its lists
// some times. A damaged one may claim far more than it has, and reading that throws.
constexpr uint64_t kTraversals = 16;
constexpr uint64_t kTraversalWords = 1024;  // of the smallest ones

Error unreadable(const std::string& why) {
  return {ErrorCode::kInvalid, why};
}

bool isLogFile(const fs::path& path) {
  return path.extension() == ".log";
}

std::vector<std::string> filesIn(const fs::path& folder) {
  std::vector<std::string> files;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (isLogFile(entry.path())) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The files of a folder that is a log, or has one log in it.
Result<std::vector<std::string>> filesOf(const fs::path& folder) {
  std::vector<std::string> files = filesIn(folder);
  if (!files.empty()) return files;
  std::vector<fs::path> logs;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(kCaptureFolderPrefix)) logs.push_back(entry.path());
  }
  if (logs.empty()) return unreadable("there is no capture log in " + folder.string());
  if (logs.size() > 1) {
    std::sort(logs.begin(), logs.end());
    return unreadable("there are " + std::to_string(logs.size()) + " capture logs in " +
                      folder.string() + ", from " + logs.front().string() + " to " +
                      logs.back().string() + "; name one");
  }
  files = filesIn(logs.front());
  if (files.empty()) return unreadable("there is no file of a log in " + logs.front().string());
  return files;
}

}  // namespace

struct LogReader::File {
  std::string path;
  const uint8_t* data = nullptr;
  size_t bytes = 0;

  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (data != nullptr) munmap(const_cast<uint8_t*>(data), bytes);
  }

  // Empty, or why it cannot be read.
  std::string map() {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return "cannot open " + path + ": " + std::strerror(errno);
    struct stat status {};
    fstat(fd, &status);
    bytes = static_cast<size_t>(status.st_size);
    void* mapped = bytes == 0 ? nullptr : mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED) return "cannot read " + path + ": " + std::strerror(errno);
    data = static_cast<const uint8_t*>(mapped);
    if (mapped != nullptr) madvise(mapped, bytes, MADV_SEQUENTIAL);
    return {};
  }
};

Result<std::unique_ptr<LogReader>> LogReader::open(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (const std::string& path : paths) {
    if (!fs::is_directory(path)) {
      names.push_back(path);
      continue;
    }
    auto files = filesOf(path);
    if (!files.ok()) return files.error();
    names.insert(names.end(), files.value().begin(), files.value().end());
  }
  std::sort(names.begin(), names.end());
  std::vector<std::unique_ptr<File>> files;
  for (const std::string& name : names) {
    auto file = std::make_unique<File>();
    file->path = name;
    if (const std::string why = file->map(); !why.empty()) return unreadable(why);
    const std::string_view start(reinterpret_cast<const char*>(file->data),
                                 std::min(file->bytes, kLogMagic.size()));
    if (start.size() == kLogMagic.size() && start != kLogMagic) {
      return unreadable(name + " is no capture log of this format: it does not begin with '" +
                        std::string(kLogMagic.substr(0, kLogMagic.size() - 1)) + "'");
    }
    files.push_back(std::move(file));
  }
  if (files.empty()) return unreadable("no log is named");
  return std::unique_ptr<LogReader>(new LogReader(std::move(files)));
}

LogReader::LogReader(std::vector<std::unique_ptr<File>> files) : files_(std::move(files)) {
  folder_ = fs::path(files_.front()->path).parent_path();
  for (const auto& file : files_) bytesTotal_ += file->bytes;
}

LogReader::~LogReader() = default;

bool LogReader::stop(const std::string& why) {
  if (!why.empty()) problems_.push_back(why);
  ended_ = true;
  return false;
}

bool LogReader::next() {
  if (ended_) return false;
  if (!begun_) {
    begun_ = true;
    if (!enter(0)) return false;
  }
  while (at_ == files_[file_]->bytes) {
    if (file_ + 1 == files_.size()) return stop({});
    if (!enter(file_ + 1)) return false;
  }
  if (!readFrame()) return false;
  ++entries_;
  return true;
}

bool LogReader::enter(size_t index) {
  if (index != 0) bytesBefore_ += files_[file_]->bytes;
  file_ = index;
  const File& file = *files_[file_];
  at_ = std::min(kLogMagic.size(), file.bytes);
  if (file.bytes <= kLogMagic.size()) return stop(file.path + " is cut before its first entry");
  if (!readFrame()) return false;
  try {
    return follows();
  } catch (const kj::Exception&) {
    return stop(file.path + " begins with a damaged entry");
  }
}

bool LogReader::follows() {
  const File& file = *files_[file_];
  const schema::CaptureEntry::Reader first = entry();
  if (!first.isFile()) return stop(file.path + " does not begin as a file of a log does");
  const auto facts = first.getFile();
  const std::vector<uint8_t> capture(facts.getCapture().begin(), facts.getCapture().end());
  if (file_ == 0 && facts.getNumber() != 1) {
    return stop("the log begins with " + file.path + ", its file " +
                std::to_string(facts.getNumber()) + ": those before it are missing");
  }
  if (file_ != 0 && capture != capture_) return stop(file.path + " is of another log");
  if (facts.getNumber() != file_ + 1 || facts.getFirstEntry() != entries_) {
    return stop(file.path + " is file " + std::to_string(facts.getNumber()) +
                " of the log and begins at entry " + std::to_string(facts.getFirstEntry() + 1) +
                ", but the log goes on at entry " + std::to_string(entries_ + 1) +
                ": files are missing before it");
  }
  capture_ = capture;
  return true;
}

bool LogReader::readFrame() {
  const File& file = *files_[file_];
  const bool last = file_ + 1 == files_.size();
  const auto torn = [&](const std::string& what) {
    return stop(file.path + ": " + what + " at byte " + std::to_string(at_) + " of " +
                std::to_string(file.bytes) + "; the log " +
                (last ? "ends there" : "is of no use from there on"));
  };
  if (file.bytes - at_ < kFrameHeaderBytes) return torn("a torn entry");
  uint32_t length = 0;
  uint32_t checksum = 0;
  std::memcpy(&length, file.data + at_, sizeof(length));
  std::memcpy(&checksum, file.data + at_ + sizeof(length), sizeof(checksum));
  if (length == 0 || length % sizeof(capnp::word) != 0 || length > kFrameBytesMax) {
    return torn("a damaged entry");
  }
  if (length > file.bytes - at_ - kFrameHeaderBytes) return torn("a torn entry");
  const uint8_t* payload = file.data + at_ + kFrameHeaderBytes;
  if (crc32c(payload, length) != checksum) return torn("a damaged entry");
  const size_t words = length / sizeof(capnp::word);
  capnp::ReaderOptions options;
  options.traversalLimitInWords = kTraversals * words + kTraversalWords;
  try {
    message_.emplace(kj::arrayPtr(reinterpret_cast<const capnp::word*>(payload), words), options);
  } catch (const kj::Exception&) {
    return torn("a damaged entry");
  }
  at_ += kFrameHeaderBytes + length;
  return true;
}

}  // namespace holdfast
