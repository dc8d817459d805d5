#include "number_arguments.h"

#include <fstream>
#include <iostream>
#include <iterator>
#include <utility>

#include "text/numbers.h"

namespace holdfast::ctl {
namespace {

template <typename T>
std::vector<T> valueOf(const std::string& command, Result<std::vector<T>> numbers) {
  if (!numbers.ok()) throw CLI::ValidationError(command + ": " + numbers.error().message);
  if (numbers.value().empty()) {
    throw CLI::ValidationError(command +
                               ": no numbers; give them as arguments or with --file ('-': stdin)");
  }
  return std::move(numbers.value());
}

}  // namespace

void NumberArguments::addTo(CLI::App& command, const std::string& whatNoneMeans) {
  command_ = command.get_name();
  command.add_option("numbers", numbers_,
                     "Tokens of a prompt, or chunk hashes with --hashes" + whatNoneMeans);
  command.add_option("--file", file_, "Read them from a file; '-': from stdin")->type_name("FILE");
  command.add_flag("--hashes", hashes_,
                   "The numbers are chunk hashes: decimal, or hexadecimal with 0x");
}

std::string NumberArguments::text() const {
  if (file_.empty()) {
    std::string all;
    for (const std::string& number : numbers_) all += number + " ";
    return all;
  }
  if (!numbers_.empty()) {
    throw CLI::ValidationError(command_ + ": give numbers or --file, not both");
  }
  if (file_ == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
  std::ifstream file(file_);
  if (!file) throw CLI::ValidationError(command_ + ": cannot read " + file_);
  return {std::istreambuf_iterator<char>(file), {}};
}

NumberArguments::Numbers NumberArguments::read(bool required) const {
  if (!required && numbers_.empty() && file_.empty()) return {};
  Numbers numbers;
  if (hashes_) {
    numbers.hashes = valueOf(command_, text::parseHashes(text()));
  } else {
    numbers.tokens = valueOf(command_, text::parseTokens(text()));
  }
  return numbers;
}

}  // namespace holdfast::ctl
