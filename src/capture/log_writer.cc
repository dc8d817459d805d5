#include "capture/log_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include "capture/crc32c.h"
#include "capture/log_format.h"
#include "capture/values.h"
#include "os/processors.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlockBytes = size_t{256} << 10;

std::string reasonOf(int error) {
  return std::strerror(error);
}

size_t payloadBytes(kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) {
  size_t bytes = ((segments.size() + 2) & ~size_t{1}) * sizeof(uint32_t);
  for (const auto segment : segments) bytes += segment.size() * sizeof(capnp::word);
  return bytes;
}

// The frame without its checksum.
void writeFrame(kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments, size_t bytes,
                uint8_t* to) {
  const auto put = [&to](const void* from, size_t size) {
    std::memcpy(to, from, size);
    to += size;
  };
  const auto number = [&put](size_t value) {
    const auto narrow = static_cast<uint32_t>(value);
    put(&narrow, sizeof(narrow));
  };
  number(bytes);
  number(0);
  number(segments.size() - 1);
  for (const auto segment : segments) number(segment.size());
  if (segments.size() % 2 == 0) number(0);
  for (const auto segment : segments) put(segment.begin(), segment.size() * sizeof(capnp::word));
}

// The size of the frame at `at`, whose checksum is set.
size_t sealFrame(uint8_t* at) {
  uint32_t length = 0;
  std::memcpy(&length, at, sizeof(length));
  const uint32_t checksum = crc32c(at + kFrameHeaderBytes, length);
  std::memcpy(at + sizeof(length), &checksum, sizeof(checksum));
  return kFrameHeaderBytes + length;
}

std::vector<uint8_t> frameOf(capnp::MessageBuilder& message) {
  const auto segments = message.getSegmentsForOutput();
  const size_t bytes = payloadBytes(segments);
  std::vector<uint8_t> frame(kFrameHeaderBytes + bytes);
  writeFrame(segments, bytes, frame.data());
  sealFrame(frame.data());
  return frame;
}

uint64_t bytesIn(const fs::path& folder) {
  uint64_t bytes = 0;
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(folder, ignored)) {
    if (entry.is_regular_file(ignored)) bytes += entry.file_size(ignored);
  }
  return bytes;
}

// Whether we name a folder like that. Others are not ours to count, and not ours to delete.
bool isLogFolder(const std::string& name) {
  if (!name.starts_with(kCaptureFolderPrefix)) return false;
  const std::string digits = name.substr(kCaptureFolderPrefix.size());
  return digits.size() >= 5 && digits.size() <= 9 &&
         digits.find_first_not_of("0123456789") == std::string::npos;
}

// Folders of logs, oldest first.
std::vector<fs::path> logsIn(const fs::path& directory) {
  std::vector<fs::path> logs;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename();
    if (entry.is_directory(ignored) && isLogFolder(name)) {
      logs.push_back(entry.path());
    }
  }
  std::sort(logs.begin(), logs.end());
  return logs;
}

}  // namespace

LogWriter::LogWriter(LogOptions options, std::string folder)
    : options_(std::move(options)),
      folder_(std::move(folder)),
      open_(std::make_unique<Block>(kBlockBytes)) {
  std::random_device random;
  for (uint8_t& byte : id_) byte = static_cast<uint8_t>(random());
}

Result<std::unique_ptr<LogWriter>> LogWriter::open(LogOptions options) {
  const auto cannot = [&options](const std::string& why) {
    return Error{ErrorCode::kUnavailable, "cannot capture into " + options.directory + ": " + why};
  };
  std::error_code error;
  fs::create_directories(options.directory, error);
  if (error) return cannot(error.message());
  const std::vector<fs::path> others = logsIn(options.directory);
  uint32_t number = 1;
  if (!others.empty()) {
    const std::string last = others.back().filename();
    number = static_cast<uint32_t>(
                 std::strtoul(last.c_str() + kCaptureFolderPrefix.size(), nullptr, 10)) +
             1;
  }
  const fs::path folder = fs::path(options.directory) / captureFolderName(number);
  if (!fs::create_directory(folder, error)) {
    return cannot(error ? error.message() : "another process captures there");
  }
  std::unique_ptr<LogWriter> log(new LogWriter(std::move(options), folder));
  for (const fs::path& other : others) {
    const uint64_t bytes = bytesIn(other);
    log->others_.emplace_back(other, bytes);
    log->otherBytes_ += bytes;
  }
  if (const std::string why = log->beginFile(); !why.empty()) {
    return Error{ErrorCode::kUnavailable, why};
  }
  log->thread_ = std::thread([writer = log.get()]() { writer->run(); });
  return log;
}

LogWriter::~LogWriter() {
  close(nullptr);
}

bool LogWriter::append(capnp::MessageBuilder& entry) {
  if (failed_.load(std::memory_order_relaxed)) return false;
  const auto segments = entry.getSegmentsForOutput();
  const size_t payload = payloadBytes(segments);
  const size_t bytes = kFrameHeaderBytes + payload;
  if (open_->capacity - open_->used < bytes) {
    flush();
    if (failed_.load(std::memory_order_relaxed)) return false;
    if (open_->capacity < bytes) open_ = std::make_unique<Block>(bytes);
  }
  writeFrame(segments, payload, open_->data.get() + open_->used);
  open_->used += bytes;
  return true;
}

void LogWriter::flush() {
  if (open_->used == 0) return;
  const MutexLock lock(mutex_);
  if (queuedBytes_ + open_->used > options_.queueBytesMax) {
    if (failure_.empty()) {
      failure_ = "its queue of " + std::to_string(options_.queueBytesMax) +
                 " bytes is full: the disk under " + options_.directory + " is too slow";
    }
    failed_ = true;
    open_->used = 0;
    return;
  }
  queuedBytes_ += open_->used;
  queue_.push_back(std::move(open_));
  open_ = std::move(spare_);
  if (open_ == nullptr) open_ = std::make_unique<Block>(kBlockBytes);
  wakened_.notifyOne();
}

std::string LogWriter::failure() const {
  const MutexLock lock(mutex_);
  return failure_;
}

void LogWriter::run() {
  runBesideLoop();
  while (std::unique_ptr<Block> block = take()) {
    // What was queued before the queue was full still belongs to the log.
    if (!broken_) write(*block);
    giveBack(std::move(block));
  }
}

std::unique_ptr<LogWriter::Block> LogWriter::take() {
  const MutexLock lock(mutex_);
  while (!closing_ && queue_.empty()) wakened_.wait(mutex_);
  if (queue_.empty()) return nullptr;
  std::unique_ptr<Block> block = std::move(queue_.front());
  queue_.pop_front();
  return block;
}

void LogWriter::giveBack(std::unique_ptr<Block> block) {
  const MutexLock lock(mutex_);
  queuedBytes_ -= std::exchange(block->used, 0);
  if (spare_ == nullptr && block->capacity == kBlockBytes) spare_ = std::move(block);
}

void LogWriter::write(Block& block) {
  uint8_t* const data = block.data.get();
  size_t from = 0;
  size_t at = 0;
  while (at < block.used) {
    const size_t frame = sealFrame(data + at);
    const bool fileIsFull = fileBytes_ + (at - from) + frame > options_.fileBytesMax;
    if (fileIsFull && fileEntries_ != 0) {
      if (!writeRun(data + from, at - from)) return;
      from = at;
      if (const std::string why = beginFile(); !why.empty()) return fail(why);
    }
    at += frame;
    ++entries_;
    ++fileEntries_;
  }
  writeRun(data + from, at - from);
}

bool LogWriter::writeRun(const uint8_t* data, size_t bytes) {
  if (!makeRoom(bytes)) {
    fail("the limit of " + std::to_string(options_.totalBytesMax) + " bytes for all logs in " +
         options_.directory + " is reached (--capture-retain)");
    return false;
  }
  if (const int error = writeAll(data, bytes); error != 0) {
    fail("cannot write " + folder_ + "/" + logFileName(fileNumber_) + ": " + reasonOf(error));
    return false;
  }
  return true;
}

int LogWriter::writeAll(const uint8_t* data, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    const ssize_t written = ::write(fd_, data + done, bytes - done);
    if (written < 0 && errno != EINTR) {
      // Half an entry would hide the last one.
      [[maybe_unused]] const int cut = ftruncate(fd_, static_cast<off_t>(fileBytes_));
      return errno;
    }
    if (written > 0) done += static_cast<size_t>(written);
  }
  fileBytes_ += bytes;
  ownBytes_ += bytes;
  written_.fetch_add(bytes, std::memory_order_relaxed);
  return 0;
}

std::string LogWriter::beginFile() {
  const std::string path = folder_ + "/" + logFileName(fileNumber_ + 1);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_APPEND, 0644);
  if (fd < 0) return "cannot create " + path + ": " + reasonOf(errno);
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
  ++fileNumber_;
  fileBytes_ = 0;
  fileEntries_ = 0;
  ownBytes_ = bytesIn(folder_);
  capnp::MallocMessageBuilder message;
  auto file = message.initRoot<schema::CaptureEntry>().initFile();
  file.setCapture(kj::arrayPtr(id_.data(), id_.size()));
  file.setNumber(fileNumber_);
  file.setFirstEntry(entries_);
  file.setProgram(textOf(options_.program));
  std::vector<uint8_t> bytes(kLogMagic.begin(), kLogMagic.end());
  const std::vector<uint8_t> frame = frameOf(message);
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  if (const int error = writeAll(bytes.data(), bytes.size()); error != 0) {
    return "cannot write " + path + ": " + reasonOf(error);
  }
  return {};
}

bool LogWriter::makeRoom(uint64_t bytes) {
  const auto fits = [&]() { return otherBytes_ + ownBytes_ + bytes <= options_.totalBytesMax; };
  while (!fits() && !others_.empty()) {
    std::error_code ignored;
    fs::remove_all(others_.front().first, ignored);
    otherBytes_ -= others_.front().second;
    others_.erase(others_.begin());
  }
  return fits();
}

void LogWriter::fail(const std::string& why) {
  broken_ = true;
  const MutexLock lock(mutex_);
  if (failure_.empty()) failure_ = why;
  failed_ = true;
}

void LogWriter::close(capnp::MessageBuilder* last) {
  if (std::exchange(closed_, true)) return;
  if (!failed_) flush();
  {
    const MutexLock lock(mutex_);
    closing_ = true;
    wakened_.notifyOne();
  }
  if (thread_.joinable()) thread_.join();
  if (last != nullptr && fd_ >= 0) {
    // Also where the log is full or the disk fails: it is short, and worth the attempt.
    const std::vector<uint8_t> frame = frameOf(*last);
    writeAll(frame.data(), frame.size());
  }
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

}  // namespace holdfast
