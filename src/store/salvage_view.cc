#include "store/salvage_view.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include "store/copy_manifest.h"
#include "store/data_directory.h"
#include "store/family_options.h"
#include "store/info_log.h"
#include "store/log_prefix.h"
#include "store/unavailable.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

class Opener {
 public:
  Opener(const std::string& dataDir, const std::string& scratch)
      : dataDir_(dataDir), scratch_(scratch) {}

  Result<SalvageView> run() {
    std::error_code error;
    if (!fs::is_directory(dataDir_, error)) return cannot("there is no such directory");
    if (DataDirectory::inUse(dataDir_)) return cannot("it is in use by another process; stop that");
    if (const auto wrong = linkTables()) return cannot(wrong->message);
    auto logs = copyTrustedLogs(dataDir_, scratch_);
    if (!logs.ok()) return logs.error();
    if (!logs.value().damage.empty()) {
      view_.damage.push_back("what follows in the logs is left out, because in " +
                             logs.value().damage);
    }
    logsBegin_ = logs.value().firstSequence;
    for (const std::string& manifest : manifests()) {
      if (tryManifest(manifest)) return std::move(view_);
    }
    if (tables_.empty()) return cannot("no table file is left of it");
    if (rebuild()) return std::move(view_);
    return cannot("its table files cannot be read either: " + view_.damage.back());
  }

 private:
  Error cannot(const std::string& why) const {
    return unavailable("cannot salvage anything of " + dataDir_ + ": " + why);
  }
  // What was said of the directory of links, as if it were said of the store.
  std::string translated(std::string text) const {
    for (size_t at = text.find(scratch_); at != std::string::npos; at = text.find(scratch_, at)) {
      text.replace(at, scratch_.size(), dataDir_);
      at += dataDir_.size();
    }
    return text;
  }

  std::optional<Error> linkTables() {
    std::error_code error;
    const fs::path from = fs::absolute(dataDir_, error);
    for (fs::directory_iterator at(from, error), end; !error && at != end; at.increment(error)) {
      const std::string name = at->path().filename();
      if (!name.ends_with(".sst") || !isStoreFile(name)) continue;
      std::error_code linked;
      fs::create_symlink(at->path(), scratch_ + "/" + name, linked);
      if (linked) return unavailable(scratch_ + " cannot be written: " + linked.message());
      tables_.insert(name);
    }
    if (error) return unavailable("it cannot be listed: " + error.message());
    return std::nullopt;
  }

  // The one that CURRENT names, then the others, the newest first.
  std::vector<std::string> manifests() {
    std::string current;
    std::ifstream(dataDir_ + "/CURRENT") >> current;
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator at(dataDir_, error), end; !error && at != end;
         at.increment(error)) {
      const std::string name = at->path().filename();
      if (name.starts_with("MANIFEST-") && isStoreFile(name)) names.push_back(name);
    }
    std::sort(names.rbegin(), names.rend());
    const auto named = std::find(names.begin(), names.end(), current);
    if (named == names.end()) {
      view_.damage.push_back(current.empty()
                                 ? "CURRENT is missing or empty"
                                 : "CURRENT names no list of table files that is there");
    } else {
      std::rotate(names.begin(), named, named + 1);
    }
    return names;
  }

  bool tryManifest(const std::string& manifest) {
    std::error_code error;
    fs::copy_file(dataDir_ + "/" + manifest, scratch_ + "/" + manifest, error);
    std::ofstream(scratch_ + "/CURRENT") << manifest << '\n';
    const bool opened = !error && open(manifest);
    if (!opened) {
      fs::remove(scratch_ + "/" + manifest, error);
      fs::remove(scratch_ + "/CURRENT", error);
    }
    return opened;
  }

  std::string currentManifest() const {
    std::string name;
    std::ifstream(dataDir_ + "/CURRENT") >> name;
    return name;
  }

  bool open(const std::string& manifest) {
    auto opened = StoreReader::open(scratch_);
    if (!opened.ok()) {
      view_.damage.push_back(manifest + ": " + translated(opened.error().message));
      return false;
    }
    const StoreReader& reader = *opened.value();
    if (isStale(reader)) {
      view_.damage.push_back(manifest +
                             " is older than the table files: some that it names are "
                             "gone, and others are there");
      return false;
    }
    // With the list of its own time the logs fit, and a gap shows in the journals. (The numbers in
    // table files alone do not tell: RocksDB drops them in compactions.)
    if (manifest != currentManifest() && logsBegin_ > reader.sequenceInTables() + 1) {
      view_.damage.push_back("the logs are left out: they begin with write " +
                             std::to_string(logsBegin_) + ", the table files end with write " +
                             std::to_string(reader.sequenceInTables()) +
                             ", and what was between is gone");
      removeLogs();
      return open(manifest);
    }
    view_.reader = std::move(opened.value());
    if (!view_.reader->damage().empty()) {
      view_.damage.push_back(translated(view_.reader->damage()));
    }
    return true;
  }

  bool isStale(const StoreReader& reader) const {
    std::set<std::string> unknown = tables_;
    bool missing = false;
    for (const auto& table : reader.tableFiles()) {
      missing |= unknown.erase(fs::path(table.path).filename()) == 0;
    }
    return missing && !unknown.empty();
  }

  void removeLogs() {
    logsBegin_ = 0;
    std::error_code ignored;
    std::vector<fs::path> logs;
    for (const auto& entry : fs::directory_iterator(scratch_, ignored)) {
      if (entry.path().extension() == ".log") logs.push_back(entry.path());
    }
    for (const fs::path& log : logs) fs::remove(log, ignored);
  }

  // From what the table files say of themselves.
  bool rebuild() {
    rocksdb::DBOptions options;
    options.info_log = makeInfoLog({}, nullptr);
    const rocksdb::ColumnFamilyOptions family = storedFamilyOptions();
    const rocksdb::Status repaired =
        rocksdb::RepairDB(scratch_, options, {{rocksdb::kDefaultColumnFamilyName, family}}, family);
    if (!repaired.ok()) {
      view_.damage.push_back(translated(repaired.ToString()));
      return false;
    }
    view_.rebuilt = true;
    logsBegin_ = 0;  // they are in table files now
    tables_.clear();
    return open("the table files");
  }

  const std::string& dataDir_;
  const std::string& scratch_;
  std::set<std::string> tables_;
  uint64_t logsBegin_ = 0;
  SalvageView view_;
};

}  // namespace

Result<SalvageView> openForSalvage(const std::string& dataDir, const std::string& scratch) {
  return Opener(dataDir, scratch).run();
}

}  // namespace holdfast
