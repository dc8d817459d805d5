// What a person is told whose command line is wrong.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace holdfast {

// What is wrong and whose --help explains it, in two lines, for standard error. `app` is the one
// whose parse() threw `error`, or that was parsed where the program itself did. A misspelt option
// or command comes before anything else that is wrong, since that is
// often its consequence, and the nearest name is named.
std::string usageText(const CLI::App& app, const CLI::ParseError& error);

// The first of these lines without the program's name: "there is no option '--lisen'; ...".
std::string errorText(const CLI::App& app, const CLI::ParseError& error);

// "; did you mean 'status'?", or nothing where no name is near.
std::string didYouMean(std::string_view word, const std::vector<std::string>& names);

}  // namespace holdfast
