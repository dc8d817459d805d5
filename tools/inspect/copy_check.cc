#include "inspect/copy_check.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "inspect/parallel.h"
#include "inspect/registry_view.h"

namespace holdfast::inspect {
namespace {

constexpr const char* kCopyAgain =
    "copy it again from where it is whole, or use another copy; holdfastd does not start on it";
constexpr const char* kOtherCopy = "copy it again from where it is whole, or use another copy";

class CopyFindings {
 public:
  explicit CopyFindings(const std::string& dataDir) : dataDir_(dataDir) {}

  void add(const char* kind, const std::string& file, const std::string& what, const char* remedy,
           Severity severity = Severity::kProblem) {
    Finding finding;
    finding.severity = severity;
    finding.kind = kind;
    finding.place.record = "file " + dataDir_ + "/" + file;
    finding.what = what;
    finding.remedy = remedy;
    findings_.add(std::move(finding));
  }
  // Behind what is there already.
  void moveTo(VerifyOutcome& outcome) const {
    for (Finding& finding : findings_.sorted()) outcome.findings.push_back(std::move(finding));
    outcome.problems += findings_.problems();
    outcome.notes += findings_.notes();
  }

 private:
  const std::string& dataDir_;
  Findings findings_;
};

const char* kindOf(CopyFault::Kind kind) {
  switch (kind) {
    case CopyFault::Kind::kMissing:
      return "copy-file-missing";
    case CopyFault::Kind::kSize:
      return "copy-file-size";
    case CopyFault::Kind::kExtra:
      break;
  }
  return "copy-file-extra";
}

// Every file that has the right size, byte for byte.
void readFiles(const std::string& dataDir, const CopyState& state, CopyFindings& findings,
               text::Progress& progress) {
  std::vector<const CopiedFile*> files;
  uint64_t bytes = 0;
  for (const CopiedFile& file : state.manifest.files) {
    const bool faulty =
        std::any_of(state.faults.begin(), state.faults.end(),
                    [&](const CopyFault& fault) { return fault.file == file.name; });
    if (faulty || file.checksum.empty()) continue;
    files.push_back(&file);
    bytes += file.bytes;
  }
  Meter meter(progress, "bytes of the copy");
  meter.expect(bytes);
  forEach(files.size(), meter, [&](size_t i) {
    const CopiedFile& file = *files[i];
    const auto sum = checksumOf(dataDir + "/" + file.name, file.bytes, [&](uint64_t read) {
      meter.done(read);
      return std::nullopt;
    });
    if (!sum.ok()) {
      findings.add("copy-file-unreadable", file.name, sum.error().message, kOtherCopy);
    } else if (sum.value() != file.checksum) {
      findings.add("copy-file-changed", file.name,
                   "it is not as it was when the copy was made: its checksum is " + sum.value() +
                       " instead of " + file.checksum,
                   kOtherCopy);
    }
  });
}

}  // namespace

CopyCheck checkCopy(const std::string& dataDir, text::Progress& progress) {
  CopyCheck check;
  CopyFindings findings(dataDir);
  auto read = stateOfCopy(dataDir);
  if (!read.ok()) {
    findings.add("copy-list", kCopyFile, read.error().message, kCopyAgain);
    findings.moveTo(check.outcome);
    return check;
  }
  check.state = std::move(read.value());
  switch (check.state.kind) {
    case CopyState::Kind::kNone:
      break;
    case CopyState::Kind::kUnfinished:
      findings.add("copy-unfinished", kCopyFile,
                   "it is empty: this copy is being made, or that was broken off", kCopyAgain);
      break;
    case CopyState::Kind::kDamaged:
      findings.add("copy-list", kCopyFile, "it is cut or changed", kCopyAgain);
      break;
    case CopyState::Kind::kUsed:
      findings.add("copy-started", kCopyFile,
                   "the store was started on since it was copied, so it is compared with nothing",
                   "nothing needs to be done: the next start of holdfastd puts the file aside",
                   Severity::kNote);
      break;
    case CopyState::Kind::kCopy:
      for (const CopyFault& fault : check.state.faults) {
        findings.add(kindOf(fault.kind), fault.file, fault.what, kCopyAgain);
      }
      readFiles(dataDir, check.state, findings, progress);
      break;
  }
  findings.moveTo(check.outcome);
  return check;
}

void compareWithCopy(const StoreReader& reader, CopyCheck& check, text::Progress& progress) {
  if (check.state.kind != CopyState::Kind::kCopy || check.outcome.problems != 0) return;
  const CopyManifest& manifest = check.state.manifest;
  CopyFindings findings(reader.dataDir());
  if (reader.sequence() != manifest.sequence) {
    findings.add("copy-write", kCopyFile,
                 "the store ends at write " + std::to_string(reader.sequence()) +
                     ", the copy was made as of write " + std::to_string(manifest.sequence),
                 kOtherCopy);
  }
  if (!manifest.registryDigest.empty() && reader.formatError().empty()) {
    const RegistryView view = viewRegistry(reader, progress);
    const std::string digest = view.registry.hex();
    if (view.damaged.empty() && digest != manifest.registryDigest) {
      findings.add("copy-digest", kCopyFile,
                   "the registry digest is " + digest + ", that of the controller was " +
                       manifest.registryDigest,
                   kOtherCopy);
    }
  }
  findings.moveTo(check.outcome);
}

}  // namespace holdfast::inspect
