// migrate: a store of an older format becomes one of this program's, with a copy to go back to.
#include <filesystem>
#include <optional>

#include "format/registry_records.h"
#include "inspect/commands.h"
#include "inspect/parallel.h"
#include "migrations/migrations.h"
#include "store/copy_manifest.h"
#include "store/rocks_store.h"
#include "text/json_writer.h"
#include "text/table.h"

namespace holdfast::inspect {
namespace {

namespace fs = std::filesystem;

// What is known of the store before anything is done.
struct Plan {
  uint32_t from = 0;
  uint64_t tableBytes = 0;
  bool inUse = false;
  std::string checkpoint;      // empty: none
  bool hasCheckpoint = false;  // made by a run that was cut short
};

uint64_t tableBytes(const StoreReader& reader) {
  uint64_t bytes = 0;
  for (const auto& table : reader.tableFiles()) bytes += table.bytes;
  return bytes;
}

std::string stepsText(uint32_t from) {
  std::string text;
  for (const Migration& step : migrations()) {
    if (step.number <= from) continue;
    text += (text.empty() ? "" : ", ") + std::to_string(step.number) + " (" + step.name + ")";
  }
  return text;
}

std::string checkpointPath(const std::string& dataDir, const MigrateOptions& options) {
  if (options.withoutCheckpoint) return "";
  if (!options.checkpoint.empty()) return fs::absolute(options.checkpoint);
  const std::string dir = fs::absolute(dataDir + "/").lexically_normal().parent_path();
  return dir + ".before-" + std::to_string(newestFormat());
}

// Why it cannot be done.
std::optional<Error> refusal(const std::string& dataDir, const Plan& plan) {
  if (plan.inUse) {
    return Error{ErrorCode::kUnavailable,
                 dataDir +
                     " is in use by another process; stop that (holdfastd brings its store to the "
                     "newest format by itself when it starts)"};
  }
  std::error_code error;
  if (!plan.checkpoint.empty() && fs::exists(plan.checkpoint, error) && !plan.hasCheckpoint) {
    return Error{ErrorCode::kRefused,
                 plan.checkpoint +
                     " exists, and the old store was to be kept there; name another place "
                     "with --checkpoint PATH, or remove it if it is not needed any more"};
  }
  return std::nullopt;
}

void print(const std::string& dataDir, const Plan& plan, bool dryRun, uint64_t bytesAfter,
           double seconds, const Output& output) {
  std::ostream& out = output.out;
  const uint32_t to = newestFormat();
  if (plan.from == to) {
    out << dataDir << " has format " << to << ", the newest one that this program knows: nothing "
        << "is to be done\n";
    return;
  }
  if (dryRun) {
    out << dataDir << " has format " << plan.from << " and would be brought to " << to
        << "; steps: " << stepsText(plan.from) << "\n"
        << text::bytesText(plan.tableBytes) << " of table files would be read\n"
        << (plan.checkpoint.empty() ? "no copy of the old store would be kept"
                                    : "the old store would be kept in " + plan.checkpoint)
        << "; nothing was changed\n";
    return;
  }
  out << dataDir << " was brought from format " << plan.from << " to " << to << " in "
      << text::durationText(static_cast<uint64_t>(seconds * 1000))
      << "; table files: " << text::bytesText(plan.tableBytes) << " before, "
      << text::bytesText(bytesAfter) << " now\n";
  if (plan.checkpoint.empty()) return;
  out << "the old store is kept in " << plan.checkpoint
      << " (hard links); remove it when all is well\n";
}

void writeJson(const std::string& dataDir, const Plan& plan, bool dryRun, uint64_t bytesAfter,
               double seconds, const Output& output) {
  const bool done = !dryRun && plan.from != newestFormat();
  text::JsonWriter json(output.out);
  json.beginObject();
  json.text("directory", dataDir);
  json.number("from", plan.from);
  json.number("to", newestFormat());
  json.beginList("steps");
  for (const Migration& step : migrations()) {
    if (step.number <= plan.from) continue;
    json.beginObject();
    json.number("number", step.number);
    json.text("name", step.name);
    json.endObject();
  }
  json.endList();
  json.boolean("dryRun", dryRun);
  json.boolean("done", done);
  json.boolean("inUse", plan.inUse);
  json.text("checkpoint", plan.checkpoint);
  json.number("tableBytesBefore", plan.tableBytes);
  json.number("tableBytesAfter", done ? bytesAfter : plan.tableBytes);
  json.number("milliseconds", static_cast<uint64_t>(seconds * 1000));
  json.endObject();
}

// The error says what is wrong.
std::optional<Error> apply(const std::string& dataDir, const Plan& plan, const Output& output) {
  StoreOptions options;
  options.dataDir = dataDir;
  options.checkpointBeforeMigration = plan.checkpoint;
  options.familiesFree = 0;
  options.createdBy = "holdfast-inspect";
  options.log = [&](LogLevel level, const std::string& text) {
    if (level != LogLevel::kInfo) output.err << "holdfast-inspect: " << text << '\n';
  };
  options.migrationProgress = [&](const MigrationProgress& now) {
    const auto rate = static_cast<uint64_t>(now.bytesPerSecond);
    output.progress.show(static_cast<double>(now.bytesDone) /
                             static_cast<double>(std::max<uint64_t>(now.bytesTotal, 1)),
                         now.secondsRemaining,
                         "format " + std::to_string(now.format) + ": " +
                             text::bytesText(now.bytesDone) + " of " +
                             text::bytesText(now.bytesTotal) + ", " + text::bytesText(rate) + "/s");
  };
  const auto opened = RocksStore::open(std::move(options));
  output.progress.clear();
  if (!opened.ok()) return opened.error();
  return opened.value()->close();
}

ExitCode failed(const std::string& why, const Output& output) {
  output.err << "holdfast-inspect: " << why << '\n';
  return kUnreadable;
}

}  // namespace

ExitCode migrate(const std::string& dataDir, const Output& output, const MigrateOptions& options) {
  Plan plan;
  FormatRecord format;
  {
    const auto reader = StoreReader::open(dataDir);
    if (!reader.ok()) return failed(reader.error().message, output);
    const StoreReader& store = *reader.value();
    if (!store.formatError().empty()) return failed(store.formatError(), output);
    format = store.format();
    plan.from = format.version;
    plan.inUse = store.besideWriter();
    plan.tableBytes = tableBytes(store);
  }
  double seconds = 0;
  uint64_t bytesAfter = 0;
  if (plan.from != newestFormat()) {
    plan.checkpoint = checkpointPath(dataDir, options);
    plan.hasCheckpoint = !plan.checkpoint.empty() && isWholeCopyOf(plan.checkpoint, format);
    if (!options.dryRun) {
      if (const auto why = refusal(dataDir, plan)) return failed(why->message, output);
      const Meter meter(output.progress, "");
      if (auto why = apply(dataDir, plan, output)) {
        std::error_code error;
        if (!plan.checkpoint.empty() && !fs::exists(plan.checkpoint, error)) {
          why->message += "; --no-checkpoint migrates without a copy";
        }
        return failed(why->message, output);
      }
      seconds = meter.seconds();
      const auto reader = StoreReader::open(dataDir);
      if (!reader.ok()) return failed(reader.error().message, output);
      bytesAfter = tableBytes(*reader.value());
    }
  }
  (output.json ? writeJson : print)(dataDir, plan, options.dryRun, bytesAfter, seconds, output);
  return kDone;
}

}  // namespace holdfast::inspect
