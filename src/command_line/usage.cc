#include "command_line/usage.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>

#include "core/nearest_name.h"

namespace holdfast {
namespace {

std::string inQuotes(std::string_view word) {
  return "'" + std::string(word) + "'";
}

// The command that was named last; the program itself where none was.
const CLI::App& commandOf(const CLI::App& app) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  return *command;
}

// "holdfast-ctl capture on"
std::string nameOf(const CLI::App& command) {
  const CLI::App* parent = command.get_parent();
  return (parent == nullptr ? "" : nameOf(*parent) + " ") + command.get_name();
}

std::vector<std::string> commandsOf(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* one : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(one->get_name());
  }
  return names;
}

// Options of a command and of the programs it belongs to, with their dashes.
std::vector<std::string> optionsOf(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::App* app = &command; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
      for (const std::string& name : option->get_snames()) names.push_back("-" + name);
    }
  }
  return names;
}

// About an argument that nothing takes.
std::string strayText(const CLI::App& command, const std::string& word) {
  if (word.starts_with('-')) {
    const std::string name = word.substr(0, word.find('='));
    return "there is no option " + inQuotes(name) + didYouMean(name, optionsOf(command));
  }
  const std::vector<std::string> commands = commandsOf(command);
  if (commands.empty()) return inQuotes(word) + " is one argument too many";
  return "there is no command " + inQuotes(word) + didYouMean(word, commands);
}

// What follows `before` in an error's text.
std::optional<std::string> textAfter(const CLI::ParseError& error, std::string_view before) {
  const std::string_view text = error.what();
  if (!text.starts_with(before)) return std::nullopt;
  return std::string(text.substr(before.size()));
}

std::string plainText(const CLI::ParseError& error) {
  if (auto pair = textAfter(error, "Could not convert: ")) {
    const size_t equals = pair->find(" = ");
    if (equals != std::string::npos) {
      return pair->substr(0, equals) + " cannot be " + inQuotes(pair->substr(equals + 3));
    }
  }
  const std::string text = error.what();
  const std::string about = text.substr(0, text.find(": "));
  if (error.get_name() == "ArgumentMismatch" && text.find("missing") != std::string::npos) {
    return about + ": a value is missing";
  }
  if (error.get_name() == "ArgumentMismatch" && text.find("At Most") != std::string::npos) {
    return about + ": given too often";
  }
  if (error.get_name() == "FileError") {
    return "cannot read the file " + text.substr(0, text.find(" was not readable")) +
           "; does it exist, and may this user read it?";
  }
  return text;
}

}  // namespace

std::string didYouMean(std::string_view word, const std::vector<std::string>& names) {
  const auto nearest = nearestName(word, names);
  return nearest ? "; did you mean " + inQuotes(*nearest) + "?" : "";
}

std::string errorText(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = commandOf(app);
  const std::vector<std::string> strays = app.remaining(true);
  if (!strays.empty()) return strayText(command, strays.front());
  if (!commandsOf(command).empty() && error.get_name() == "RequiredError") {
    return "a command is wanted";
  }
  return plainText(error);
}

std::string usageText(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = commandOf(app);
  const bool wantsCommand = !commandsOf(command).empty();
  return app.get_name() + ": " + errorText(app, error) + "\n" + nameOf(command) +
         (wantsCommand ? " --help lists the commands.\n" : " --help explains its options.\n");
}

}  // namespace holdfast
