#include "store/commit_marker.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <tuple>
#include <utility>

#include "format/checksum.h"
#include "os/boot_id.h"

namespace holdfast {
namespace {

constexpr std::chrono::seconds kMarkPause{1};
// The file is written anew when it is so much larger than it would be then.
constexpr uint64_t kMarkGrowthMin = uint64_t{256} << 10;
constexpr uint64_t kMarkGrowthFactor = 4;
constexpr size_t kManifestChunk = size_t{1} << 20;

}  // namespace

void CommitMarker::start(std::map<uint32_t, FamilyMark> families) {
  {
    const MutexLock lock(mutex_);
    mark_.store = database_.format().clusterId;
    mark_.identity = readIdentity(database_.path(""));
    mark_.boot = bootId();
    mark_.families = std::move(families);
    mark_.committed = database_.db()->GetLatestSequenceNumber();
    mark_.synced = mark_.committed;
    mark_.base = mark_.committed;
  }
  // None that can be told: whatever there is counts.
  if (!database_.currentLog(&firstLog_).ok()) firstLog_ = 0;
  noteLog();
  noteManifest();
  {
    const MutexLock lock(fileMutex_);
    keepOrForget(writeWhole());
  }
  database_.keptFiles().onLogDeleted([this](uint64_t number) { logDeleted(number); });
}

void CommitMarker::committed(uint64_t sequence, bool synced,
                             const std::vector<MarkChange>& changes) {
  const MutexLock lock(mutex_);
  mark_.committed = sequence;
  if (synced) mark_.synced = sequence;
  for (const MarkChange& change : changes) apply(change);
  news_ = true;
}

void CommitMarker::apply(const MarkChange& change) {
  changed_.insert(change.family);
  if (change.kind == MarkChange::Kind::kReleased) {
    mark_.families.erase(change.family);
    return;
  }
  FamilyMark& family = mark_.families[change.family];
  auto& locations = family.locations;
  const LocationMark& at = change.at;
  switch (change.kind) {
    case MarkChange::Kind::kOwned:
      family.owner = change.owner;
      locations.clear();
      break;
    case MarkChange::Kind::kDropGeneration:
      std::erase_if(locations, [&](const LocationMark& known) {
        return known.location == at.location && known.generation == at.generation;
      });
      break;
    case MarkChange::Kind::kDropLocation:
      std::erase_if(locations,
                    [&](const LocationMark& known) { return known.location == at.location; });
      break;
    case MarkChange::Kind::kReached: {
      const auto found =
          std::find_if(locations.begin(), locations.end(), [&](const LocationMark& known) {
            return known.location == at.location && known.generation == at.generation;
          });
      if (found == locations.end()) {
        locations.push_back(at);
      } else if (std::tie(found->stream, found->seq) < std::tie(at.stream, at.seq)) {
        const bool owes = found->stream == at.stream && at.seq < found->owed;
        const uint64_t owed = owes ? found->owed : 0;
        *found = at;
        found->owed = owed;
      }
      break;
    }
    case MarkChange::Kind::kReleased:
      break;
  }
}

uint64_t CommitMarker::committed() const {
  const MutexLock lock(mutex_);
  return mark_.committed;
}

void CommitMarker::synced(uint64_t sequence) {
  const MutexLock lock(mutex_);
  if (sequence <= mark_.synced) return;
  mark_.synced = sequence;
  news_ = true;
}

void CommitMarker::write(bool now) {
  if (!now && Clock::now() < next_) return;
  {
    const MutexLock fileLock(fileMutex_);
    const MutexLock lock(mutex_);
    if (!news_ && file_) return;
  }
  next_ = Clock::now() + kMarkPause;
  noteLog();
  noteEnd();
  noteManifest();
  const MutexLock lock(fileMutex_);
  const bool large = bytes_ > std::max(kMarkGrowthMin, kMarkGrowthFactor * wholeBytes_);
  keepOrForget(file_ && !large ? writeFrame(false) : writeWhole());
}

// That the deletion was right must be known even if the power fails right after it.
void CommitMarker::logDeleted(uint64_t number) {
  const MutexLock fileLock(fileMutex_);
  {
    const MutexLock lock(mutex_);
    gone_.insert(number);
    if (mark_.logs.erase(number) == 0) return;
  }
  keepOrForget(file_ ? writeFrame(true) : writeWhole());
}

// Several may have been begun since the last look.
void CommitMarker::noteLog() {
  uint64_t newest = 0;
  if (!database_.currentLog(&newest).ok()) return;
  {
    const MutexLock lock(mutex_);
    if (mark_.logs.contains(newest)) return;
  }
  std::vector<std::string> names;
  database_.files()
      .GetChildren(database_.path(""), rocksdb::IOOptions(), &names, nullptr)
      .PermitUncheckedError();
  const MutexLock lock(mutex_);
  for (const std::string& name : names) {
    const auto number = logNumber(name);
    if (number && *number >= firstLog_ && !gone_.contains(*number)) mark_.logs.insert(*number);
  }
  mark_.logs.insert(newest);
  gone_.erase(gone_.begin(), gone_.lower_bound(*mark_.logs.begin()));
}

void CommitMarker::noteEnd() {
  const MutexLock lock(mutex_);
  mark_.endLog = 0;
  for (auto at = mark_.logs.rbegin(); at != mark_.logs.rend() && mark_.endLog == 0; ++at) {
    uint64_t bytes = 0;
    const rocksdb::IOStatus status = database_.files().GetFileSize(
        database_.logPath(*at), rocksdb::IOOptions(), &bytes, nullptr);
    if (status.ok() && bytes > 0) mark_.endLog = *at;
  }
}

void CommitMarker::noteManifest() {
  std::string name;
  std::ifstream(database_.path("CURRENT")) >> name;
  uint64_t known = 0;
  {
    const MutexLock lock(mutex_);
    if (name != mark_.manifest) {
      mark_.manifest = name;
      mark_.manifestBytes = 0;
      mark_.manifestCrc = 0;
    }
    known = mark_.manifestBytes;
  }
  const int file = ::open(database_.path(name).c_str(), O_RDONLY | O_CLOEXEC);
  struct stat now = {};
  if (file < 0) return;
  // What is promised here is on the disk, whoever brought it there.
  const bool grown =
      fstat(file, &now) == 0 && static_cast<uint64_t>(now.st_size) > known && fdatasync(file) == 0;
  std::vector<char> chunk(grown ? kManifestChunk : 0);
  while (grown && known < static_cast<uint64_t>(now.st_size)) {
    const size_t wanted =
        std::min<uint64_t>(chunk.size(), static_cast<uint64_t>(now.st_size) - known);
    const ssize_t got = pread(file, chunk.data(), wanted, static_cast<off_t>(known));
    if (got <= 0) break;
    known += static_cast<uint64_t>(got);
    const MutexLock lock(mutex_);
    mark_.manifestCrc = extendCrc32c(mark_.manifestCrc, {chunk.data(), static_cast<size_t>(got)});
    mark_.manifestBytes = known;
  }
  ::close(file);
}

rocksdb::IOStatus CommitMarker::writeFrame(bool durable) {
  std::string frame;
  {
    const MutexLock lock(mutex_);
    frame = encodeMarkFrame(mark_, {changed_.begin(), changed_.end()});
    changed_.clear();
    news_ = false;
  }
  const rocksdb::IOOptions io;
  rocksdb::IOStatus status = file_->Append(frame, io, nullptr);
  if (status.ok()) status = file_->Flush(io, nullptr);
  if (status.ok() && durable) status = file_->Sync(io, nullptr);
  bytes_ += frame.size();
  return status;
}

rocksdb::IOStatus CommitMarker::writeWhole() {
  file_.reset();
  std::string frame;
  {
    const MutexLock lock(mutex_);
    std::vector<uint32_t> all;
    for (const auto& [number, family] : mark_.families) all.push_back(number);
    frame = encodeMarkFrame(mark_, all);
    changed_.clear();
    news_ = false;
  }
  rocksdb::FileSystem& files = database_.files();
  const std::string path = database_.path(kCommitMarkFile);
  const rocksdb::IOOptions io;
  std::unique_ptr<rocksdb::FSWritableFile> file;
  rocksdb::IOStatus status =
      files.NewWritableFile(path + ".tmp", rocksdb::FileOptions(), &file, nullptr);
  if (status.ok()) status = file->Append(frame, io, nullptr);
  if (status.ok()) status = file->Sync(io, nullptr);
  if (status.ok()) status = files.RenameFile(path + ".tmp", path, io, nullptr);
  if (status.ok()) status = rocksdb::status_to_io_status(database_.syncDirectory());
  bytes_ = frame.size();
  wholeBytes_ = frame.size();
  // Frames are appended to what has the name now.
  if (status.ok()) file_ = std::move(file);
  return status;
}

// A mark that does not tell of a deleted log would call it missing: better none.
void CommitMarker::keepOrForget(const rocksdb::IOStatus& status) {
  if (status.ok()) return;
  file_.reset();
  database_.files()
      .DeleteFile(database_.path(kCommitMarkFile), rocksdb::IOOptions(), nullptr)
      .PermitUncheckedError();
}

}  // namespace holdfast
