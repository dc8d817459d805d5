// The commands, as a person and as a program sees them.
#include "inspect/commands.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "format/registry_records.h"
#include "store/copy_manifest.h"
#include "tests/inspect/planted_store.h"
#include "tests/store/raw_store.h"
#include "tests/support/ran.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;
using testing::Not;

Ran run(const std::string& arguments) {
  return runCommand(HOLDFAST_INSPECT " " + arguments);
}

class Commands : public PlantedStore {
 protected:
  Ran on(const std::string& command, const std::string& more = "") const {
    return run(command + " " + dir() + " " + more);
  }
};

TEST_F(Commands, SummarySaysWhatIsThere) {
  const Ran text = on("summary");
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.out, HasSubstr("stopped, as of write"));
  EXPECT_THAT(text.out, HasSubstr("3 in 2 instances"));
  EXPECT_THAT(text.out, HasSubstr("150,085 memberships"));
  const Ran json = on("summary", "--json");
  EXPECT_THAT(json.out, HasSubstr("\"memberships\": 150085"));
  EXPECT_THAT(json.out, HasSubstr("\"besideWriter\": false"));
  EXPECT_THAT(json.out, HasSubstr("\"createdBy\": \"store grower \\\"1\\\"\""));
}

TEST_F(Commands, LeaveTheDirectoryAsItIs) {
  const auto files = [&] {
    std::map<std::string, std::pair<uintmax_t, std::filesystem::file_time_type>> all;
    for (const auto& entry : std::filesystem::directory_iterator(dir())) {
      all[entry.path().filename()] = {entry.file_size(), entry.last_write_time()};
    }
    return all;
  };
  const auto before = files();
  for (const char* command :
       {"summary", "workers", "verify", "digest", "keys", "events", "export"}) {
    EXPECT_EQ(on(command).code, 0) << command;
  }
  EXPECT_EQ(files(), before);
}

TEST_F(Commands, WorkersShowsLocations) {
  const Ran all = on("workers");
  EXPECT_EQ(all.code, 0);
  EXPECT_THAT(all.out, HasSubstr("150,005"));
  EXPECT_THAT(all.out, HasSubstr("1.1.0"));
  const Ran some = on("workers", "--instance b --json");
  EXPECT_THAT(some.out, HasSubstr("\"instanceId\": \"b\""));
  EXPECT_THAT(some.out, Not(HasSubstr("\"instanceId\": \"a\"")));
  for (const char* command : {"workers", "keys"}) {
    const Ran none = on(command, "--instance c");
    EXPECT_EQ(none.code, 1);
    EXPECT_THAT(none.out, HasSubstr("nothing in the store has these names"));
  }
}

TEST_F(Commands, KeysAreAscendingAndFiltered) {
  const Ran cpu = on("keys", "--instance a --worker 0 --location cpu");
  EXPECT_EQ(cpu.code, 0);
  std::istringstream lines(cpu.out);
  std::string heading;
  std::getline(lines, heading);
  EXPECT_EQ(heading, "# instance a, worker 0, location cpu, 10 keys");
  std::vector<std::string> keys;
  for (std::string line; std::getline(lines, line);) keys.push_back(line);
  EXPECT_EQ(keys.size(), 10u);
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));

  const Ran range = on("keys", "--location gpu --from " + keys[3] + " --to " + keys[6] + " --json");
  EXPECT_EQ(range.code, 0);
  EXPECT_THAT(range.out, HasSubstr(keys[3]));
  EXPECT_THAT(range.out, HasSubstr(keys[6]));
  EXPECT_THAT(range.out, Not(HasSubstr(keys[2])));
  EXPECT_THAT(range.out, Not(HasSubstr(keys[7])));
  EXPECT_EQ(on("keys", "--from 5 --to 4").code, 2);
  EXPECT_EQ(on("keys", "--from 5 --hash 4").code, 2);
}

TEST_F(Commands, FindNamesAllHolders) {
  char hash[32];
  std::snprintf(hash, sizeof(hash), "0x%016lx", splitmix64Finalise(5));
  const Ran found = on("find", hash);
  EXPECT_EQ(found.code, 0);
  EXPECT_THAT(found.out, HasSubstr("gpu"));
  EXPECT_THAT(found.out, HasSubstr("cpu"));
  EXPECT_EQ(std::count(found.out.begin(), found.out.end(), '\n'), 4);
  const Ran nobody = on("find", "77");
  EXPECT_EQ(nobody.code, 1);
  EXPECT_THAT(nobody.out, HasSubstr("nobody holds 0x000000000000004d"));
  EXPECT_EQ(on("find", "xyz").code, 2);
}

TEST_F(Commands, EventsAreFiltered) {
  const Ran all = on("events");
  EXPECT_EQ(all.code, 0);
  // The newest first.
  EXPECT_LT(all.out.find("unfinished"), all.out.find("compress of b gpu"));
  EXPECT_LT(all.out.find("compress of b gpu"), all.out.find("4,096"));
  EXPECT_THAT(on("summary").out, HasSubstr("3, 1 of them unfinished"));
  const auto ids = [&](const std::string& arguments) {
    std::string found;
    for (const char* id : {"done", "failed", "unfinished"}) {
      const std::string json = on("events --json", arguments).out;
      if (json.find("\"eventId\": \"" + std::string(id) + "\"") != std::string::npos) {
        found += std::string(id) + " ";
      }
    }
    return found;
  };
  EXPECT_EQ(ids(""), "done failed unfinished ");
  EXPECT_EQ(ids("--instance a"), "done unfinished ");
  EXPECT_EQ(ids("--kind clear"), "done unfinished ");
  EXPECT_EQ(ids("--state failed"), "failed ");
  EXPECT_EQ(ids("--state unfinished --instance b"), "");
  EXPECT_EQ(ids("--max 1"), "unfinished ");
  EXPECT_THAT(on("events", "--max 2").out, HasSubstr("and 1 older ones"));
  const Ran one = on("events", "--id failed");
  EXPECT_EQ(one.code, 0);
  EXPECT_THAT(one.out, HasSubstr("out of memory"));
  EXPECT_EQ(on("events", "--id nobody").code, 1);
  EXPECT_EQ(on("events", "--kind frobnicate").code, 2);
  EXPECT_EQ(on("events", "--state lost").code, 2);
}

TEST_F(Commands, ADamagedEventIsLeftOutAndNamed) {
  rawPut(dir(), "events", eventKey("done"), "?");
  const Ran events = on("events");
  EXPECT_EQ(events.code, 3);
  EXPECT_THAT(events.out, HasSubstr("left out: event \"done\""));
  EXPECT_THAT(events.out, HasSubstr("compress of b gpu"));
  EXPECT_EQ(on("summary").code, 3);
  EXPECT_EQ(on("export").code, 3);
  EXPECT_EQ(on("digest").code, 0);
}

TEST_F(Commands, VerifyTellsByItsExitCode) {
  const Ran well = on("verify");
  EXPECT_EQ(well.code, 0);
  EXPECT_THAT(well.out, HasSubstr("no problem"));
  const std::string family = familyOf("a", 0);
  changeLocation(family, 0, [](LocationRecord& record) { ++record.live.baseCount; });
  const Ran ill = on("verify");
  EXPECT_EQ(ill.code, 1);
  EXPECT_THAT(ill.out, HasSubstr("PROBLEM  family " + family));
  EXPECT_THAT(ill.out, HasSubstr("-> holdfastd starts all the same"));
  EXPECT_THAT(on("verify", "--json").out, HasSubstr("\"kind\": \"wrong-base\""));
}

TEST_F(Commands, ADamagedWorkerIsLeftOutAndNamed) {
  const auto tables = tableFiles(dir(), familyOf("a", 1));
  ASSERT_FALSE(tables.empty());
  for (const std::string& table : tables) std::filesystem::remove(table);
  const Ran summary = on("summary");
  EXPECT_EQ(summary.code, 3);
  EXPECT_THAT(summary.out, HasSubstr("UNREADABLE    instance 'a' worker 1"));
  EXPECT_THAT(summary.out, HasSubstr("150,035 memberships"));
  EXPECT_EQ(on("digest").code, 3);
  EXPECT_EQ(on("export").code, 3);
}

TEST_F(Commands, DiffShowsWhatIsOnOneSideOnly) {
  const Scratch scratch;
  const std::string other = (scratch.path() / "other").string();
  std::filesystem::copy(dir(), other);
  EXPECT_EQ(run("diff " + dir() + " " + other).code, 0);
  const std::string family = familyOf("a", 0);
  const LivePart live = location(family, 0).live;
  changeSegment(family, {0, live.generation, live.fold, 0}, [](std::vector<ChunkHash>& keys) {
    keys.erase(keys.begin() + 7, keys.begin() + 17);
  });
  changeLocation(family, 0, [](LocationRecord& record) { record.live.incarnation = 5; });
  // So that the newest record says another count.
  for (const JournalKey& key : journal(family, 0)) rawErase(dir(), family, keyOf(journalKey(key)));
  const Ran diff = run("diff " + dir() + " " + other);
  EXPECT_EQ(diff.code, 1);
  EXPECT_THAT(diff.out, HasSubstr("instance a, worker 0, location gpu: incarnation"));
  EXPECT_THAT(diff.out, HasSubstr("15 keys only in B"));
  EXPECT_THAT(diff.out, HasSubstr("1 difference\n"));
  EXPECT_THAT(run("diff --json " + dir() + " " + other).out, HasSubstr("\"onlyInB\""));
}

TEST_F(Commands, ExportAndImportAreARoundTrip) {
  const Scratch scratch;
  const std::string lines = (scratch.path() / "store.jsonl").string();
  const std::string other = (scratch.path() / "other").string();
  ASSERT_EQ(on("export", "> " + lines).code, 0);
  const Ran imported = run("import " + other + " --file " + lines);
  EXPECT_EQ(imported.code, 0) << imported.out;
  EXPECT_EQ(run("digest " + other).out, on("digest").out);
  EXPECT_EQ(run("events " + other + " --json").out, on("events", "--json").out);
  EXPECT_EQ(run("verify " + other).code, 0);
  // One that was killed is in nobody's way.
  std::filesystem::create_directory(other + "2.partial");
  std::ofstream(other + "2.partial/" + kCopyFile).close();
  std::ofstream(other + "2.partial/000012.sst") << "some of it";
  EXPECT_EQ(run("import " + other + "2 --file " + lines).code, 0);
  EXPECT_FALSE(std::filesystem::exists(other + "2.partial"));
  EXPECT_THAT(run("verify " + other + "2").out, HasSubstr("a whole copy: "));
  // Never over something that is there.
  EXPECT_EQ(run("import " + other + " --file " + lines).code, 3);
}

TEST_F(Commands, ImportRefusesWhatIsNotWhole) {
  const Scratch scratch;
  const std::string lines = (scratch.path() / "store.jsonl").string();
  ASSERT_EQ(on("export", "> " + lines).code, 0);
  std::vector<std::string> all;
  std::ifstream in(lines);
  for (std::string line; std::getline(in, line);) all.push_back(line);
  int number = 0;
  const auto imported = [&](const std::vector<std::string>& some) {
    const std::string file = lines + std::to_string(number);
    std::ofstream out(file);
    for (const std::string& line : some) out << line << '\n';
    out.close();
    return run("import " + (scratch.path() / std::to_string(number++)).string() + " --file " +
               file);
  };
  EXPECT_THAT(imported({all.begin(), all.end() - 1}).out, HasSubstr("ends here"));
  auto without = all;
  without.erase(without.end() - 3);
  EXPECT_THAT(imported(without).out, HasSubstr("lines before this one"));
  auto garbled = all;
  garbled[4] = "{\"worker\": 17";
  EXPECT_THAT(imported(garbled).out, HasSubstr("line 5: it is no line of an export"));
  auto renamed = all;
  for (std::string& line : renamed) {
    if (const size_t at = line.find("\"name\":\"cpu\""); at != std::string::npos) {
      line.replace(at, 12, "\"name\":\"cpx\"");
    }
  }
  const Ran changed = imported(renamed);
  EXPECT_EQ(changed.code, 3);
  EXPECT_THAT(changed.out, HasSubstr("the export was changed"));
  EXPECT_EQ(imported({}).code, 3);
  // Nothing is left of any of them.
  for (int i = 0; i < number; ++i) {
    EXPECT_FALSE(std::filesystem::exists(scratch.path() / std::to_string(i))) << i;
    EXPECT_FALSE(std::filesystem::exists(scratch.path() / (std::to_string(i) + ".partial"))) << i;
  }
}

TEST_F(Commands, ErrorsSayWhatToDo) {
  const Ran none = run("summary /nowhere/at/all");
  EXPECT_EQ(none.code, 3);
  EXPECT_THAT(none.out, HasSubstr("no such directory; name the --data-dir"));
  const Scratch scratch;
  const Ran empty = run("verify " + scratch.path().string());
  EXPECT_EQ(empty.code, 3);
  EXPECT_THAT(empty.out, HasSubstr("no file CURRENT"));
  EXPECT_EQ(run("").code, 2);
  EXPECT_EQ(run("summary").code, 2);
  EXPECT_EQ(run("frobnicate x").code, 2);
  EXPECT_EQ(run("--help").code, 0);
}

TEST_F(Commands, OutputThatCannotBeWrittenIsAnError) {
  for (const char* command : {"summary", "keys", "export"}) {
    EXPECT_EQ(on(command, "> /dev/full").code, 3) << command;
  }
}

TEST_F(Commands, ANewerFormatIsRefused) {
  auto format = decodeFormat(rawGet(dir(), "default", std::string(kFormatKey)));
  ASSERT_TRUE(format);
  format->version = 99;
  rawPut(dir(), "default", std::string(kFormatKey), encodeRecord(*format));
  const Ran refused = on("summary");
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.out, HasSubstr("format 99"));
  EXPECT_EQ(on("verify").code, 1);
}

}  // namespace
}  // namespace holdfast::test
