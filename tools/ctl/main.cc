// holdfast-ctl: asks a running controller what it knows.

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "commands.h"
#include "text/numbers.h"

namespace holdfast::ctl {
namespace {

enum ExitCode { kDone = 0, kNothingFound = 1, kUsage = 2, kUnreachable = 3, kRefused = 4 };

constexpr const char* kFooter = R"(Examples:
  holdfast-ctl status                         is it well, and what does it hold
  holdfast-ctl status --json | jq .chunks     every command can answer in JSON
  holdfast-ctl workers --instance llama-0     what each rank of an instance holds, and in sync or not
  holdfast-ctl lookup 128000 9906 1917 ...    who has the longest prefix of this prompt
  holdfast-ctl lookup --file prompt.txt       tokens from a file ('-': from stdin)
  holdfast-ctl lookup --hashes 0x1f 77        by chunk hashes instead of tokens
  holdfast-ctl query 10.0.0.7                 which instance runs at this ip
  holdfast-ctl diverged                       what needs a repair, why, and what is being done
  holdfast-ctl sync llama-0 3                 has rank 3 send everything it holds anew
  holdfast-ctl sync llama-0 3 gpu             the same of one location
  holdfast-ctl --controller unix:/run/holdfast.sock status

Exit codes:
  0  done
  1  what was asked for by name (an ip, an instance, a rank) is not there
  2  the command line is wrong
  3  no controller could be reached
  4  the controller answered with an error)";

struct LookupArguments {
  std::vector<std::string> numbers;
  std::string file;
  std::string model;
  bool hashes = false;
};

// The numbers as one text, wherever they come from. Throws CLI::ParseError.
std::string textOf(const LookupArguments& arguments) {
  if (arguments.file.empty()) {
    std::string text;
    for (const std::string& number : arguments.numbers) text += number + " ";
    return text;
  }
  if (!arguments.numbers.empty()) {
    throw CLI::ValidationError("lookup: give numbers or --file, not both");
  }
  if (arguments.file == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
  std::ifstream file(arguments.file);
  if (!file) throw CLI::ValidationError("lookup: cannot read " + arguments.file);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <typename T>
std::vector<T> valueOf(Result<std::vector<T>> numbers) {
  if (!numbers.ok()) throw CLI::ValidationError("lookup: " + numbers.error().message);
  if (numbers.value().empty()) {
    throw CLI::ValidationError("lookup: no numbers; give them as arguments or with --file");
  }
  return std::move(numbers.value());
}

Prompt promptOf(const LookupArguments& arguments) {
  const std::string numbers = textOf(arguments);
  Prompt prompt;
  prompt.model = arguments.model;
  if (arguments.hashes) {
    prompt.hashes = valueOf(text::parseHashes(numbers));
  } else {
    prompt.tokens = valueOf(text::parseTokens(numbers));
  }
  return prompt;
}

int run(int argc, const char* const* argv) {
  CLI::App app("holdfast-ctl: asks a running Holdfast controller what it knows.", "holdfast-ctl");
  std::string address = "127.0.0.1:7440";
  bool json = false;
  app.set_version_flag("--version", "holdfast-ctl " HOLDFAST_VERSION);
  app.add_option("--controller", address, "host:port, [v6]:port or unix:PATH")
      ->type_name("ADDR")
      ->envname("HOLDFAST_CONTROLLER")
      ->capture_default_str();
  app.add_flag("--json", json, "Answer in JSON");
  app.footer(kFooter);
  app.require_subcommand(1);
  // Options of the program may stand behind the command: "status --json".
  app.fallthrough();

  bool resetWindow = false;
  CLI::App* status = app.add_subcommand("status", "How the controller is, and what it holds");
  status->add_flag("--reset-lookup-window", resetWindow,
                   "Begin a new window of look-up latencies (lookupWindow in JSON)");
  CLI::App* instances = app.add_subcommand("instances", "The instances, summed up");

  std::string instance;
  std::vector<uint32_t> ranks;
  CLI::App* workers = app.add_subcommand("workers", "Every worker with its locations");
  workers->add_option("--instance", instance, "Only of this instance")->type_name("ID");
  workers->add_option("--worker", ranks, "Only these ranks; may be repeated")->type_name("RANK");

  LookupArguments lookupArguments;
  CLI::App* lookup = app.add_subcommand("lookup", "Who holds the longest prefix of a prompt");
  lookup->add_option("numbers", lookupArguments.numbers, "Tokens, or chunk hashes with --hashes");
  lookup->add_option("--file", lookupArguments.file, "Read them from a file; '-': from stdin")
      ->type_name("FILE");
  lookup->add_flag("--hashes", lookupArguments.hashes,
                   "The numbers are chunk hashes: decimal, or hexadecimal with 0x");
  lookup->add_option("--model", lookupArguments.model, "Default: the controller's default model")
      ->type_name("NAME");

  std::string ip;
  CLI::App* query = app.add_subcommand("query", "The instance that runs at an ip");
  query->add_option("ip", ip, "As workers registered it")->required();
  CLI::App* diverged = app.add_subcommand("diverged", "Locations that need a repair");

  std::string syncInstance;
  uint32_t syncWorker = 0;
  std::string syncLocation;
  CLI::App* sync = app.add_subcommand(
      "sync", "Have a worker send all its keys anew; it and look-ups go on meanwhile");
  sync->add_option("INSTANCE", syncInstance, "Of the worker")->required();
  sync->add_option("WORKER", syncWorker, "Its rank")->required();
  sync->add_option("LOCATION", syncLocation, "Only this one; all of them unless given");

  try {
    app.parse(argc, argv);
    Prompt prompt;
    if (lookup->parsed()) prompt = promptOf(lookupArguments);
    Controller controller(address);
    const Output output{std::cout, json};
    bool found = false;
    if (status->parsed()) found = showStatus(controller, output, resetWindow);
    if (instances->parsed()) found = showInstances(controller, output);
    if (workers->parsed()) found = showWorkers(controller, output, instance, ranks);
    if (lookup->parsed()) found = showLookup(controller, output, prompt);
    if (query->parsed()) found = showInstanceOfIp(controller, output, ip);
    if (diverged->parsed()) found = showDiverged(controller, output);
    if (sync->parsed()) {
      found = forceSync(controller, output, syncInstance, syncWorker, syncLocation);
    }
    return found ? kDone : kNothingFound;
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    std::cerr << "holdfast-ctl: " << e.what() << "\nholdfast-ctl --help explains every command.\n";
    return kUsage;
  } catch (const Unreachable& e) {
    std::cerr << "holdfast-ctl: " << e.what() << '\n';
    return kUnreachable;
  } catch (const Refused& e) {
    std::cerr << "holdfast-ctl: " << e.what() << '\n';
    return kRefused;
  }
}

}  // namespace
}  // namespace holdfast::ctl

int main(int argc, char** argv) {
  return holdfast::ctl::run(argc, argv);
}
