#include "store/copy_manifest.h"

#include <fcntl.h>
#include <rocksdb/file_checksum.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "store/unavailable.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFirstLine = "holdfast-copy 1";
constexpr size_t kStepBytes = size_t{1} << 20;
constexpr uint64_t kManifestBytesMax = uint64_t{1} << 28;
constexpr size_t kFaultsNamedMax = 3;

bool isHex(std::string_view text, size_t digits) {
  return text.size() == digits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string checksumOfText(std::string_view text) {
  FileChecksum sum;
  sum.add(text.data(), text.size());
  return sum.hex();
}

// Without zeros in front, as it is written: there is one text for a manifest.
template <typename Number>
bool parseNumber(std::string_view text, Number& number) {
  if (text.size() > 1 && text.front() == '0') return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// Takes a text apart, line by line and word by word.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}

  // The words of the next line; false if there is none.
  bool next() {
    lineBegin_ = at_;
    const size_t end = text_.find('\n', at_);
    if (end == std::string_view::npos) return false;
    words_.clear();
    std::string_view line = text_.substr(at_, end - at_);
    at_ = end + 1;
    for (size_t space = line.find(' '); space != std::string_view::npos; space = line.find(' ')) {
      words_.push_back(line.substr(0, space));
      line.remove_prefix(space + 1);
    }
    words_.push_back(line);
    return true;
  }
  bool is(std::string_view first, size_t words) const {
    return words_.size() == words && words_[0] == first;
  }
  // The line that must come next.
  bool expect(std::string_view first, size_t words) { return next() && is(first, words); }
  std::string_view word(size_t i) const { return words_[i]; }
  size_t lineBegin() const { return lineBegin_; }
  bool atEnd() const { return at_ == text_.size(); }

 private:
  const std::string_view text_;
  size_t at_ = 0;
  size_t lineBegin_ = 0;
  std::vector<std::string_view> words_;
};

// False: it is none.
bool parseFile(const Lines& line, std::vector<CopiedFile>& files) {
  CopiedFile file;
  file.name = line.word(1);
  const std::string_view sum = line.word(3);
  if (!isStoreFile(file.name) || !parseNumber(line.word(2), file.bytes)) return false;
  if (sum != "-" && !isHex(sum, 8)) return false;
  if (sum != "-") file.checksum = sum;
  files.push_back(std::move(file));
  return true;
}

// Nothing if it cannot be read; `missing` tells whether that is because it is not there.
std::optional<std::string> readWhole(const std::string& path, std::error_code& error) {
  const uint64_t bytes = fs::file_size(path, error);
  if (error) return std::nullopt;
  std::ifstream in(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (in && bytes <= kManifestBytesMax) return text;
  error = std::make_error_code(bytes > kManifestBytesMax ? std::errc::file_too_large
                                                         : std::errc::io_error);
  return std::nullopt;
}

// Whether CURRENT names a file of its own time, which the copy has not.
bool startedSince(const std::string& directory, const CopyManifest& manifest) {
  std::string name;
  std::ifstream(directory + "/CURRENT") >> name;
  const auto same = [&](const CopiedFile& file) { return file.name == name; };
  std::error_code error;
  return name.starts_with("MANIFEST-") && isStoreFile(name) &&
         std::none_of(manifest.files.begin(), manifest.files.end(), same) &&
         fs::exists(directory + "/" + name, error);
}

// Of the store's files there: sizes by name.
Result<std::map<std::string, uint64_t>> sizesIn(const std::string& directory) {
  std::map<std::string, uint64_t> sizes;
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    if (!isStoreFile(name)) continue;
    sizes[name] = at->file_size(error);
    if (error) break;
  }
  if (error) {
    return Error{ErrorCode::kUnavailable, "cannot list " + directory + ": " + error.message() +
                                              "; check its owner and permissions"};
  }
  return sizes;
}

std::vector<CopyFault> faultsOf(const CopyManifest& manifest,
                                std::map<std::string, uint64_t> sizes) {
  std::vector<CopyFault> faults;
  for (const CopiedFile& file : manifest.files) {
    const auto found = sizes.find(file.name);
    if (found == sizes.end()) {
      faults.push_back({CopyFault::Kind::kMissing, file.name, file.name + " is missing"});
      continue;
    }
    if (found->second != file.bytes) {
      faults.push_back({CopyFault::Kind::kSize, file.name,
                        file.name + " has " + std::to_string(found->second) + " bytes instead of " +
                            std::to_string(file.bytes)});
    }
    sizes.erase(found);
  }
  for (const auto& [name, bytes] : sizes) {
    // Of other files only those count that a list of files refers to.
    if (!name.ends_with(".log") && !name.ends_with(".sst")) continue;
    faults.push_back(
        {CopyFault::Kind::kExtra, name, name + " is of another store or another copy"});
  }
  return faults;
}

std::string whatToDo(const std::string& directory) {
  return "; copy it again from where it is whole. If there is no such place, holdfast-inspect "
         "salvage " +
         directory + " --into NEW saves what can be read; without the file " + kCopyFile +
         " it starts as it is, and workers whose files are damaged are quarantined";
}

}  // namespace

uint64_t wallMsNow() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

std::string hexDigits(std::string_view bytes) {
  static constexpr char kHexDigits[] = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text.push_back(kHexDigits[static_cast<uint8_t>(byte) >> 4]);
    text.push_back(kHexDigits[static_cast<uint8_t>(byte) & 15]);
  }
  return text;
}

std::string clusterText(const FormatRecord& format) {
  return hexDigits(
      {reinterpret_cast<const char*>(format.clusterId.data()), format.clusterId.size()});
}

bool isStoreFile(std::string_view name) {
  const auto isNumber = [](std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if (name == "CURRENT") return true;
  for (const std::string_view prefix : {"MANIFEST-", "OPTIONS-"}) {
    if (name.starts_with(prefix)) return isNumber(name.substr(prefix.size()));
  }
  for (const std::string_view suffix : {".sst", ".log"}) {
    if (name.ends_with(suffix)) return isNumber(name.substr(0, name.size() - suffix.size()));
  }
  return false;
}

std::string encodeCopyManifest(const CopyManifest& manifest) {
  const std::string digest = manifest.registryDigest.empty() ? "-" : manifest.registryDigest;
  std::string text = std::string(kFirstLine) + "\ncluster " + manifest.clusterId + "\nformat " +
                     std::to_string(manifest.format) + "\nwrite " +
                     std::to_string(manifest.sequence) + "\nmade " +
                     std::to_string(manifest.madeWallMs) + "\nregistry " + digest + "\n";
  for (const CopiedFile& file : manifest.files) {
    text += "file " + file.name + " " + std::to_string(file.bytes) + " " +
            (file.checksum.empty() ? "-" : file.checksum) + "\n";
  }
  return text + "end " + std::to_string(manifest.files.size()) + " " + checksumOfText(text) + "\n";
}

std::optional<CopyManifest> decodeCopyManifest(std::string_view text) {
  CopyManifest manifest;
  Lines lines(text);
  if (!lines.next() || text.substr(0, kFirstLine.size() + 1) != std::string(kFirstLine) + "\n") {
    return std::nullopt;
  }
  if (!lines.expect("cluster", 2) || !isHex(lines.word(1), 32)) return std::nullopt;
  manifest.clusterId = lines.word(1);
  if (!lines.expect("format", 2) || !parseNumber(lines.word(1), manifest.format)) {
    return std::nullopt;
  }
  if (!lines.expect("write", 2) || !parseNumber(lines.word(1), manifest.sequence)) {
    return std::nullopt;
  }
  if (!lines.expect("made", 2) || !parseNumber(lines.word(1), manifest.madeWallMs)) {
    return std::nullopt;
  }
  if (!lines.expect("registry", 2)) return std::nullopt;
  if (lines.word(1) != "-") {
    if (!isHex(lines.word(1), 32)) return std::nullopt;
    manifest.registryDigest = lines.word(1);
  }
  while (lines.next() && lines.is("file", 4)) {
    if (!parseFile(lines, manifest.files)) return std::nullopt;
  }
  size_t count = 0;
  const bool whole = lines.is("end", 3) && lines.atEnd() && parseNumber(lines.word(1), count) &&
                     count == manifest.files.size() &&
                     lines.word(2) == checksumOfText(text.substr(0, lines.lineBegin()));
  if (!whole) return std::nullopt;
  return manifest;
}

Result<std::vector<CopiedFile>> filesOfCopy(const std::string& directory) {
  const auto sizes = sizesIn(directory);
  if (!sizes.ok()) return sizes.error();
  std::vector<CopiedFile> files;
  for (const auto& [name, bytes] : sizes.value()) {
    CopiedFile file{name, bytes, {}};
    if (!name.ends_with(".sst")) {
      auto sum = checksumOf(directory + "/" + name, bytes, [](uint64_t) { return std::nullopt; });
      if (!sum.ok()) return sum.error();
      file.checksum = std::move(sum.value());
    }
    files.push_back(std::move(file));
  }
  return files;
}

struct FileChecksum::Generator {
  std::unique_ptr<rocksdb::FileChecksumGenerator> crc;
};

FileChecksum::FileChecksum() : generator_(std::make_unique<Generator>()) {
  generator_->crc = rocksdb::GetFileChecksumGenCrc32cFactory()->CreateFileChecksumGenerator({});
}
FileChecksum::~FileChecksum() = default;
FileChecksum::FileChecksum(FileChecksum&&) noexcept = default;

void FileChecksum::add(const char* data, size_t bytes) {
  generator_->crc->Update(data, bytes);
}

std::string FileChecksum::hex() {
  generator_->crc->Finalize();
  return hexDigits(generator_->crc->GetChecksum());
}

Result<std::string> checksumOf(const std::string& path, uint64_t bytes,
                               const std::function<std::optional<Error>(uint64_t)>& step) {
  const auto failed = [&](const std::string& why) {
    return unavailable("cannot read " + path + ": " + why);
  };
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return failed(std::strerror(errno));
  FileChecksum sum;
  std::vector<char> buffer(std::min<uint64_t>(kStepBytes, std::max<uint64_t>(bytes, 1)));
  std::optional<Error> wrong;
  for (uint64_t at = 0, last = 0; at < bytes;) {
    wrong = step(last);
    if (wrong) break;
    const size_t wanted = std::min<uint64_t>(buffer.size(), bytes - at);
    const ssize_t got = pread(file, buffer.data(), wanted, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      wrong = unavailable(got == 0 ? "it is shorter than it should be" : std::strerror(errno));
      break;
    }
    last = static_cast<uint64_t>(got);
    sum.add(buffer.data(), last);
    at += last;
  }
  close(file);
  if (wrong) return failed(wrong->message);
  return sum.hex();
}

Result<CopyState> stateOfCopy(const std::string& directory) {
  const std::string path = directory + "/" + kCopyFile;
  CopyState state;
  std::error_code error;
  const auto text = readWhole(path, error);
  if (error == std::errc::no_such_file_or_directory) return state;
  if (error == std::errc::not_a_directory) {
    return Error{ErrorCode::kInvalid,
                 directory + " is a file, or within one; a data directory is needed"};
  }
  if (!text) {
    return Error{ErrorCode::kUnavailable, "cannot read " + path + ": " + error.message() +
                                              "; check its owner and permissions"};
  }
  auto manifest = decodeCopyManifest(*text);
  if (!manifest) {
    state.kind = text->empty() ? CopyState::Kind::kUnfinished : CopyState::Kind::kDamaged;
    return state;
  }
  state.manifest = std::move(*manifest);
  if (startedSince(directory, state.manifest)) {
    state.kind = CopyState::Kind::kUsed;
    return state;
  }
  state.kind = CopyState::Kind::kCopy;
  auto sizes = sizesIn(directory);
  if (!sizes.ok()) return sizes.error();
  state.faults = faultsOf(state.manifest, std::move(sizes.value()));
  return state;
}

bool isWholeCopyOf(const std::string& directory, const FormatRecord& format) {
  const auto read = stateOfCopy(directory);
  if (!read.ok() || read.value().kind != CopyState::Kind::kCopy) return false;
  const CopyManifest& manifest = read.value().manifest;
  return read.value().faults.empty() && manifest.clusterId == clusterText(format) &&
         manifest.format == format.version;
}

Result<std::string> startOnCopy(const std::string& directory) {
  const auto read = stateOfCopy(directory);
  if (!read.ok()) return read.error();
  const CopyState& state = read.value();
  const auto refused = [&](const std::string& why) {
    return Error{ErrorCode::kRefused, "the store in " + directory + " " + why};
  };
  switch (state.kind) {
    case CopyState::Kind::kNone:
      return std::string();
    case CopyState::Kind::kUnfinished:
      return refused("is a copy that was not finished: its file " + std::string(kCopyFile) +
                     " is empty" + whatToDo(directory));
    case CopyState::Kind::kDamaged:
      return refused("is a copy that is not whole: its file " + std::string(kCopyFile) +
                     " is cut or changed" + whatToDo(directory));
    case CopyState::Kind::kUsed:
    case CopyState::Kind::kCopy:
      break;
  }
  if (!state.faults.empty()) {
    std::string named;
    for (size_t i = 0; i < std::min(state.faults.size(), kFaultsNamedMax); ++i) {
      named += (i == 0 ? "" : ", ") + state.faults[i].what;
    }
    if (state.faults.size() > kFaultsNamedMax) {
      named += " and " + std::to_string(state.faults.size() - kFaultsNamedMax) + " more";
    }
    return refused("is a copy that is not whole: " + named + whatToDo(directory));
  }
  // Where that fails the start fails soon, or CURRENT tells it the next time.
  (void)std::rename((directory + "/" + kCopyFile).c_str(),
                    (directory + "/" + kStartedCopyFile).c_str());
  if (state.kind == CopyState::Kind::kUsed) return std::string();
  return "the store in " + directory + " is a copy as of write " +
         std::to_string(state.manifest.sequence) + ": none of its " +
         std::to_string(state.manifest.files.size()) + " files is missing or short";
}

}  // namespace holdfast
