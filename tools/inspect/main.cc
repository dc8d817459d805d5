// holdfast-inspect: looks into a store without a controller.

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <memory>
#include <set>
#include <string>

#include "command_line/output_end.h"
#include "command_line/usage.h"
#include "core/limits.h"
#include "inspect/commands.h"
#include "text/numbers.h"

namespace holdfast::inspect {
namespace {

constexpr const char* kFooter =
    R"(DIR is the --data-dir of a holdfastd, stopped or running, or a backup of one, of this program's
storage format or an older one. Nothing is written there (but by `migrate`) and no lock is taken:
beside a running controller the store is read as of one moment, and `summary` says as of which
write.

Examples:
  holdfast-inspect summary /var/lib/holdfast       what is in it, how large it is, its digests
  holdfast-inspect verify /var/lib/holdfast        is it well; what is wrong, where, what to do
  holdfast-inspect verify DIR --json | jq '.findings[] | select(.severity == "problem")'
  holdfast-inspect workers DIR --instance llama-0  what each rank of an instance has
  holdfast-inspect keys DIR --instance llama-0 --worker 3 --location gpu > keys.txt
  holdfast-inspect keys DIR --from 0x10 --to 0xff  keys of a range, of everybody
  holdfast-inspect find DIR 0x1f3a77               who holds this chunk
  holdfast-inspect events DIR                      cache operations, the newest first
  holdfast-inspect events DIR --kind clear --state failed
  holdfast-inspect events DIR --id nightly         what each rank did
  holdfast-inspect digest DIR                      32 digits, the registryDigest of
                                                   `holdfast-ctl status --json`
  holdfast-inspect diff DIR /backup/holdfast       what a backup has not
  holdfast-inspect export DIR > store.jsonl        every record as a line of JSON
  holdfast-inspect import NEWDIR < store.jsonl     and a new store of them
  holdfast-inspect salvage DIR --into NEWDIR       a new store of what is left of a damaged one
  holdfast-inspect migrate DIR --dry-run           which format has it, what would be done
  holdfast-inspect migrate DIR                     to this program's format, as the next start of
                                                   holdfastd would; a copy of the old store is kept

Exit codes:
  0  done; verify: no problem; diff: no difference
  1  verify: problems; diff: differences; salvage: not all could be saved; else: what was asked for
     by name is not there
  2  the command line is wrong
  3  a store cannot be opened or written, or is in use and must not be (migrate, salvage), or a part
     of it cannot be read (what can be is answered), or the output cannot be written)";

constexpr const char* kCommandFooter =
    R"(--json answers in JSON, --progress says how far it is on stderr.
holdfast-inspect --help has examples of every command, and the exit codes.)";

// Opens the store; where that fails, or its records cannot be understood, says why.
std::unique_ptr<StoreReader> open(const std::string& dataDir) {
  auto opened = StoreReader::open(dataDir);
  std::string error;
  if (!opened.ok()) {
    error = opened.error().message;
  } else if (!opened.value()->formatError().empty()) {
    error = opened.value()->formatError();
  } else {
    return std::move(opened.value());
  }
  std::cerr << "holdfast-inspect: " << error << '\n';
  return nullptr;
}

ChunkHash hashOf(const std::string& option, const std::string& text) {
  const auto hashes = text::parseHashes(text);
  if (!hashes.ok()) throw CLI::ValidationError(option + ": " + hashes.error().message);
  if (hashes.value().size() != 1) throw CLI::ValidationError(option + ": one hash is expected");
  return hashes.value().front();
}

struct Arguments {
  std::string dir;
  std::string other;
  std::string into;
  Filter filter;
  EventFilter events;
  std::string hash;
  std::string from = "0";
  std::string to = "0xffffffffffffffff";
  std::string file = "-";
  MigrateOptions migrate;
  bool content = false;
};

CLI::App* addCommand(CLI::App& app, const char* name, const char* what, Arguments& arguments,
                     const char* dirIs = "The --data-dir of a holdfastd, or a backup of one") {
  CLI::App* command = app.add_subcommand(name, what);
  command->add_option("DIR", arguments.dir, dirIs)->required();
  command->footer(kCommandFooter);
  return command;
}

void addFilter(CLI::App* command, Arguments& arguments) {
  command->add_option("--instance", arguments.filter.instance, "Only of this instance")
      ->type_name("ID");
  command->add_option("--worker", arguments.filter.workers, "Only these ranks; may be repeated")
      ->type_name("RANK");
  command
      ->add_option("--location", arguments.filter.locations,
                   "Only these locations; may be repeated")
      ->type_name("NAME");
}

CLI::App* addEvents(CLI::App& app, Arguments& arguments) {
  EventFilter& filter = arguments.events;
  CLI::App* events =
      addCommand(app, "events", "Cache operations and what came of them, newest first", arguments);
  events->add_option("--id", filter.id, "Only this one, with what each rank did")->type_name("ID");
  events->add_option("--instance", filter.instance, "Only of this instance")->type_name("ID");
  std::set<std::string> kinds;
  for (size_t kind = 0; kind < kOperationKinds; ++kind) {
    kinds.emplace(operationName(static_cast<OperationKind>(kind)));
  }
  events->add_option("--kind", filter.kind, "Only of this kind")->check(CLI::IsMember(kinds));
  const std::set<std::string> states = {kEventUnfinished, "done", "failed"};
  events->add_option("--state", filter.state, "Only in this state")->check(CLI::IsMember(states));
  events->add_option("--max", filter.max, "At most so many")
      ->check(CLI::Range(size_t{1}, kEventsKeptMax))
      ->capture_default_str();
  return events;
}

CLI::App* addMigrate(CLI::App& app, Arguments& arguments) {
  MigrateOptions& options = arguments.migrate;
  CLI::App* command =
      addCommand(app, "migrate", "Bring a store to this program's format", arguments);
  command->add_flag("--dry-run", options.dryRun, "Say what would be done, and do nothing");
  CLI::Option* path =
      command
          ->add_option("--checkpoint", options.checkpoint,
                       "Where the old store is kept: a new directory on the same disk; default: "
                       "DIR.before-N")
          ->type_name("PATH");
  command
      ->add_flag("--no-checkpoint", options.withoutCheckpoint,
                 "Keep no copy of the old store: there is no way back")
      ->excludes(path);
  return command;
}

KeyRange rangeOf(const Arguments& arguments) {
  if (!arguments.hash.empty()) {
    const ChunkHash hash = hashOf("--hash", arguments.hash);
    return {hash, hash};
  }
  const KeyRange range{hashOf("--from", arguments.from), hashOf("--to", arguments.to)};
  if (range.from > range.to) throw CLI::ValidationError("--from is above --to");
  return range;
}

ExitCode importFrom(const std::string& file, const std::string& dir, const Output& output) {
  if (file == "-") return importStore(std::cin, dir, output);
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    std::cerr << "holdfast-inspect: cannot read " << file << '\n';
    return kUnreadable;
  }
  return importStore(in, dir, output);
}

// The exit code, once everything has been written.
ExitCode written(ExitCode code) {
  return outputWritten("holdfast-inspect") ? code : kUnreadable;
}

int run(int argc, const char* const* argv) {
  CLI::App app("holdfast-inspect: looks into a Holdfast store without a controller.",
               "holdfast-inspect");
  app.set_version_flag("--version", "holdfast-inspect " HOLDFAST_VERSION);
  bool json = false;
  bool progressLines = false;
  app.add_flag("--json", json, "Answer in JSON");
  app.add_flag("--progress", progressLines,
               "Say how far it is on stderr every second, also where that is no terminal");
  app.footer(kFooter);
  app.require_subcommand(1);
  // Options of the program may stand behind the command: "summary DIR --json".
  app.fallthrough();

  Arguments a;
  CLI::App* summary = addCommand(app, "summary", "What is in a store, its size and digests", a);
  CLI::App* workers = addCommand(app, "workers", "Every worker with its locations", a);
  addFilter(workers, a);
  CLI::App* keys =
      addCommand(app, "keys", "The keys of each location, ascending; a hash a line", a);
  addFilter(keys, a);
  CLI::Option* from = keys->add_option("--from", a.from, "From this hash")->type_name("HASH");
  CLI::Option* to = keys->add_option("--to", a.to, "To this hash")->type_name("HASH");
  keys->add_option("--hash", a.hash, "Only this one")
      ->type_name("HASH")
      ->excludes(from)
      ->excludes(to);
  CLI::App* find = addCommand(app, "find", "Every holder of a chunk", a);
  find->add_option("HASH", a.hash, "Decimal, or hexadecimal with 0x")->required();
  CLI::App* events = addEvents(app, a);
  CLI::App* verify = addCommand(app, "verify", "Recount everything; say what is wrong", a);
  CLI::App* digest = addCommand(app, "digest", "The registry digest alone, to compare stores", a);
  digest->add_flag("--content", a.content,
                   "The content digest instead, as a fleet computes it of its caches");
  CLI::App* diff = app.add_subcommand("diff", "What differs between two stores");
  diff->add_option("A", a.dir, "One store")->required();
  diff->add_option("B", a.other, "The other")->required();
  diff->footer(kCommandFooter);
  CLI::App* migrated = addMigrate(app, a);
  CLI::App* salvaged = addCommand(
      app, "salvage", "Save what is left of a damaged store, that may not open, in a new one", a);
  salvaged->add_option("--into", a.into, "Where the new store is made: a directory that is new")
      ->type_name("NEWDIR")
      ->required();
  CLI::App* exported = addCommand(app, "export", "Every record as a line of JSON, to stdout", a);
  CLI::App* import =
      addCommand(app, "import", "A new store from an export", a, "A directory that is new");
  import->add_option("--file", a.file, "The export; '-': stdin")
      ->type_name("FILE")
      ->capture_default_str();

  try {
    app.parse(argc, argv);
    const KeyRange range = keys->parsed() ? rangeOf(a) : KeyRange{};
    const ChunkHash hash = find->parsed() ? hashOf("HASH", a.hash) : 0;
    text::Progress progress(progressLines);
    const Output output{std::cout, std::cerr, json, progress};
    const auto answer = [&]() -> ExitCode {
      if (import->parsed()) return importFrom(a.file, a.dir, output);
      if (salvaged->parsed()) return salvage(a.dir, a.into, output);
      if (migrated->parsed()) return migrate(a.dir, output, a.migrate);
      if (verify->parsed()) return showVerification(a.dir, output);
      const auto store = open(a.dir);
      if (!store) return kUnreadable;
      if (summary->parsed()) return showSummary(*store, output);
      if (workers->parsed()) return showWorkers(*store, output, a.filter);
      if (keys->parsed()) return showKeys(*store, output, a.filter, range);
      if (find->parsed()) return findHolders(*store, output, hash);
      if (events->parsed()) return showEvents(*store, output, a.events);
      if (digest->parsed()) return showDigest(*store, output, a.content);
      if (exported->parsed()) return exportStore(*store, output);
      const auto other = open(a.other);
      return other ? showDifferences(*store, *other, output) : kUnreadable;
    };
    const ExitCode code = answer();
    if (code == kFound && (workers->parsed() || keys->parsed())) {
      std::cerr
          << "holdfast-inspect: nothing in the store has these names; holdfast-inspect workers "
          << a.dir << " shows what it has\n";
    }
    return written(code);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() != 0) {
      std::cerr << usageText(app, e);
      return kUsage;
    }
    app.exit(e);  // --help, --version
    return written(kDone);
  }
}

}  // namespace
}  // namespace holdfast::inspect

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  return holdfast::inspect::run(argc, argv);
}
