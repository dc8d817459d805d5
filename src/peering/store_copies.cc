#include "peering/store_copies.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "core/notice.h"
#include "os/give_way.h"
#include "store/copy_manifest.h"
#include "store/unavailable.h"
#include "wire/errors.h"

namespace holdfast::peering {
namespace {

namespace fs = std::filesystem;

// What was asked of the thread.
struct Reading {
  std::string path;
  uint64_t offset;
  kj::Array<kj::byte> bytes;
  std::optional<Error> error = {};

  void run() {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return fail(std::strerror(errno));
    for (size_t got = 0; got < bytes.size() && !error;) {
      const ssize_t read =
          pread(file, bytes.begin() + got, bytes.size() - got, static_cast<off_t>(offset + got));
      if (read < 0 && errno == EINTR) continue;
      if (read <= 0) fail(read == 0 ? "it is shorter than it should be" : std::strerror(errno));
      if (read > 0) got += static_cast<size_t>(read);
    }
    close(file);
  }
  void fail(const std::string& why) {
    error = unavailable("a file of the copy cannot be read: " + path + ": " + why);
  }
};

StoreCopyFacts factsOf(const CopyManifest& manifest) {
  StoreCopyFacts facts{.clusterId = manifest.clusterId,
                       .format = manifest.format,
                       .sequence = manifest.sequence,
                       .madeWallMs = manifest.madeWallMs,
                       .registryDigest = manifest.registryDigest,
                       .files = {}};
  for (const CopiedFile& file : manifest.files) {
    facts.files.push_back({file.name, file.bytes, file.checksum});
  }
  return facts;
}

uint64_t bytesOf(const StoreCopyFacts& facts) {
  uint64_t bytes = 0;
  for (const StoreCopyFile& file : facts.files) bytes += file.bytes;
  return bytes;
}

// What is wrong with asking for these bytes.
std::optional<Error> wrongRead(const StoreCopyFacts& facts, uint32_t file, uint64_t offset,
                               uint32_t length) {
  if (file >= facts.files.size()) {
    return invalidError("there is no file " + std::to_string(file) + ": this copy has " +
                        std::to_string(facts.files.size()) + ", numbered from 0");
  }
  if (length == 0 || length > kCopyReadBytesMax) {
    return invalidError("a read is of 1 to " + std::to_string(kCopyReadBytesMax) +
                        " bytes, not of " + std::to_string(length));
  }
  const uint64_t bytes = facts.files[file].bytes;
  if (offset > bytes || length > bytes - offset) {
    return invalidError("file " + std::to_string(file) + " has " + std::to_string(bytes) +
                        " bytes: there are no " + std::to_string(length) + " from " +
                        std::to_string(offset) + " on");
  }
  return std::nullopt;
}

}  // namespace

struct StoreCopies::Held {
  std::string caller;
  std::string directory;
  StoreCopyFacts facts;  // none yet: it is in the making
  bool made = false;     // and can be read
  bool ended = false;
  uint64_t beganMs = 0;
  uint64_t usedMs = 0;  // something was asked of it, or answered
  uint32_t reads = 0;   // under way
  uint64_t bytesRead = 0;
};

class StoreCopies::Copy final : public StoreCopy {
 public:
  Copy(StoreCopies& copies, std::shared_ptr<Held> held) : copies_(copies), held_(std::move(held)) {}
  ~Copy() noexcept override { copies_.end(*held_, false); }

  const StoreCopyFacts& facts() const override { return held_->facts; }
  kj::Promise<kj::Array<kj::byte>> read(uint32_t file, uint64_t offset, uint32_t length) override {
    return copies_.read(held_, file, offset, length);
  }

 private:
  StoreCopies& copies_;
  const std::shared_ptr<Held> held_;
};

StoreCopies::StoreCopies(StoreCopiesOptions options, Make make, const Clock& clock,
                         NoticeSink& notices)
    : options_(std::move(options)),
      make_(std::move(make)),
      clock_(clock),
      notices_(notices),
      root_(options_.dataDir + "/copies"),
      tasks_(*this) {
  tasks_.add(thread_.run([root = root_]() {
    giveWay(kNiceOfFolds);
    std::error_code ignored;  // it is in nobody's way, and costs space
    fs::remove_all(root, ignored);
  }));
}

StoreCopies::~StoreCopies() noexcept = default;

kj::Promise<kj::Own<StoreCopy>> StoreCopies::give(const std::string& caller) {
  if (held_.size() >= options_.copiesMax) {
    return wireError(unavailable("this controller gives " + std::to_string(held_.size()) +
                                 " copies of its store already; ask another one, or again later"));
  }
  auto held = std::make_shared<Held>();
  held->caller = caller;
  held->directory = root_ + "/" + std::to_string(++made_);
  held->beganMs = clock_.steadyMs();
  held_.push_back(held);
  // Whatever becomes of the call, its end is the copy's.
  kj::Own<StoreCopy> copy = kj::heap<Copy>(*this, held);
  return prepare()
      .then([this, held]() { return make(held); })
      .then([this, held]() { return look(held); })
      .then([this, held, copy = kj::mv(copy)]() mutable {
        held->made = true;
        held->usedMs = clock_.steadyMs();
        notices_.notice(notice::CopyGiven{held->caller, held->facts.files.size(),
                                          bytesOf(held->facts), held->facts.sequence});
        return kj::mv(copy);
      })
      .catch_([this, caller](kj::Exception&& failure) -> kj::Own<StoreCopy> {
        notices_.notice(notice::CopyFailed{caller, std::string(descriptionOf(failure).text)});
        kj::throwFatalException(kj::mv(failure));
      });
}

kj::Promise<void> StoreCopies::prepare() {
  const auto wrong = std::make_shared<std::string>();
  return thread_
      .run([root = root_, wrong]() {
        if (mkdir(root.c_str(), S_IRWXU) != 0 && errno != EEXIST) *wrong = std::strerror(errno);
      })
      .then([this, wrong]() {
        if (wrong->empty()) return;
        kj::throwFatalException(wireError(unavailable(root_ + " cannot be made: " + *wrong)));
      });
}

kj::Promise<void> StoreCopies::make(const std::shared_ptr<Held>& held) {
  auto ended = kj::newPromiseAndFulfiller<void>();
  // Held by a function, which must be copyable.
  const auto told = std::make_shared<kj::Own<kj::PromiseFulfiller<void>>>(kj::mv(ended.fulfiller));
  const auto refused = make_(held->directory, [this, held, told](const std::optional<Error>& why) {
    if (held->ended) return remove(*held);  // nobody wants it any more
    if (why) return (*told)->reject(wireError(*why));
    (*told)->fulfill();
  });
  if (refused) return wireError(*refused);
  return kj::mv(ended.promise);
}

// What the copy consists of.
kj::Promise<void> StoreCopies::look(const std::shared_ptr<Held>& held) {
  const auto state = std::make_shared<std::optional<Result<CopyState>>>();
  return thread_.run([state, directory = held->directory]() { *state = stateOfCopy(directory); })
      .then([state, held]() {
        const Result<CopyState>& found = **state;
        if (!found.ok()) kj::throwFatalException(wireError(found.error()));
        if (found.value().kind != CopyState::Kind::kCopy || !found.value().faults.empty()) {
          kj::throwFatalException(wireError(unavailable("the copy that was made is not whole")));
        }
        held->facts = factsOf(found.value().manifest);
      });
}

kj::Promise<kj::Array<kj::byte>> StoreCopies::read(const std::shared_ptr<Held>& held, uint32_t file,
                                                   uint64_t offset, uint32_t length) {
  if (held->ended) {
    return wireError(unavailable("this copy was given up, since nothing was asked of it for " +
                                 std::to_string(options_.idleMs / 1'000) +
                                 " s; ask for another one"));
  }
  if (const auto wrong = wrongRead(held->facts, file, offset, length)) return wireError(*wrong);
  if (held->reads >= kCopyReadsMax) {
    return wireError(unavailable("more than " + std::to_string(kCopyReadsMax) +
                                 " reads of this copy are under way; wait for answers"));
  }
  ++held->reads;
  held->usedMs = clock_.steadyMs();
  const auto reading =
      std::make_shared<Reading>(Reading{held->directory + "/" + held->facts.files[file].name,
                                        offset, kj::heapArray<kj::byte>(length)});
  return thread_.run([reading]() { reading->run(); })
      .then([this, held, reading]() {
        if (reading->error) kj::throwFatalException(wireError(*reading->error));
        held->usedMs = clock_.steadyMs();
        held->bytesRead += reading->bytes.size();
        return kj::mv(reading->bytes);
      })
      .attach(kj::defer([held]() { --held->reads; }));
}

void StoreCopies::tick() {
  const uint64_t nowMs = clock_.steadyMs();
  for (const auto& held : std::vector(held_)) {
    const bool idle = held->made && held->reads == 0 && nowMs >= held->usedMs + options_.idleMs;
    if (idle) end(*held, true);
  }
}

void StoreCopies::end(Held& held, bool idle) {
  if (std::exchange(held.ended, true)) return;
  std::erase_if(held_, [&](const auto& one) { return one.get() == &held; });
  if (held.made) {
    notices_.notice(notice::CopyEnded{held.caller, held.bytesRead, bytesOf(held.facts),
                                      clock_.steadyMs() - held.beganMs, idle});
  }
  remove(held);
}

void StoreCopies::remove(const Held& held) {
  tasks_.add(thread_.run([directory = held.directory]() {
    std::error_code ignored;  // the next start removes it
    fs::remove_all(directory, ignored);
  }));
}

void StoreCopies::taskFailed(kj::Exception&&) {
  // Removals do not fail, and what is left of them at the end of the process the next one does.
}

}  // namespace holdfast::peering
