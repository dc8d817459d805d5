#include "access/token_file.h"

#include <openssl/sha.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "core/ids.h"
#include "core/limits.h"

namespace holdfast {
namespace {

constexpr std::string_view kInstances = "instances=";
constexpr std::string_view kBlanks = " \t\r";

using Fields = std::vector<std::string_view>;

// Up to a comment.
Fields fieldsOf(std::string_view line) {
  Fields fields;
  for (;;) {
    line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
    if (line.empty() || line.front() == '#') return fields;
    const size_t end = std::min(line.find_first_of(kBlanks), line.size());
    fields.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

bool isNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-' || c == '@';
}

std::optional<uint8_t> digitOf(char c) {
  if (c >= '0' && c <= '9') return static_cast<uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

std::optional<TokenHash> hashFrom(std::string_view hex) {
  TokenHash hash{};
  if (hex.size() != 2 * hash.size()) return std::nullopt;
  for (size_t i = 0; i < hash.size(); ++i) {
    const auto high = digitOf(hex[2 * i]);
    const auto low = digitOf(hex[2 * i + 1]);
    if (!high || !low) return std::nullopt;
    hash[i] = static_cast<uint8_t>(*high << 4 | *low);
  }
  return hash;
}

std::string hexOf(const TokenHash& hash) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const uint8_t byte : hash) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

// What is wrong with the patterns; nothing: they are in `to`.
std::optional<std::string> readPatterns(std::string_view list, std::vector<std::string>& to) {
  for (;;) {
    const std::string_view pattern = list.substr(0, list.find(','));
    if (auto bad = invalidId("pattern of instances", pattern, kInstanceIdBytesMax)) return bad;
    to.emplace_back(pattern);
    if (pattern.size() == list.size()) return std::nullopt;
    list.remove_prefix(pattern.size() + 1);
  }
}

// What is wrong with a line that has fields; nothing: it is in `to`.
std::optional<std::string> readEntry(const Fields& fields, TokenEntry& to) {
  const auto role = roleNamed(fields[0]);
  if (!role) return "a line begins with a role: worker, router, operator, viewer or replica";
  to.role = *role;
  if (fields.size() < 3) {
    return "a line is 'role name sha256-of-token [instances=PATTERN,...]'; 'holdfast-ctl token "
           "new' makes one";
  }
  if (auto bad = invalidTokenName(fields[1])) return bad;
  to.name = std::string(fields[1]);
  const auto hash = hashFrom(fields[2]);
  if (!hash) {
    return "the third field is no SHA-256 of a token, which has 64 hexadecimal digits; a token "
           "itself does not belong here";
  }
  static const TokenHash kNothing = hashOfToken({});
  if (*hash == kNothing) return "the third field is the SHA-256 of an empty token";
  to.sha256 = *hash;
  if (fields.size() == 3) return std::nullopt;
  if (fields.size() > 4 || !fields[3].starts_with(kInstances)) {
    return "behind the SHA-256 only instances=PATTERN,... may follow, without blanks";
  }
  if (to.role != Role::kWorker) return "instances= is for the role worker only";
  return readPatterns(fields[3].substr(kInstances.size()), to.instances);
}

// Entries by what must not come twice, with their lines.
class Seen {
 public:
  // What is wrong with adding it; nothing: it was added.
  std::optional<std::string> add(const TokenEntry& entry, size_t line) {
    if (const auto [at, isNew] = names_.emplace(entry.name, line); !isNew) {
      return "the name " + entry.name + " is that of line " + std::to_string(at->second);
    }
    if (const auto [at, isNew] = hashes_.emplace(entry.sha256, line); !isNew) {
      return "the token is that of line " + std::to_string(at->second) + "; make one for each";
    }
    return std::nullopt;
  }

 private:
  std::map<std::string, size_t> names_;
  std::map<TokenHash, size_t> hashes_;
};

}  // namespace

TokenHash hashOfToken(std::string_view token) {
  TokenHash hash{};
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), hash.data());
  return hash;
}

std::optional<std::string> invalidTokenName(std::string_view name) {
  if (!name.empty() && name.size() <= kTokenNameBytesMax &&
      std::all_of(name.begin(), name.end(), isNameCharacter)) {
    return std::nullopt;
  }
  return "a token's name must have 1 to " + std::to_string(kTokenNameBytesMax) +
         " letters, digits or . _ - @";
}

Result<std::optional<TokenEntry>> parseTokenLine(std::string_view line) {
  if (line.size() > kTokenLineBytesMax) {
    return Error{ErrorCode::kInvalid, "a line has at most " + std::to_string(kTokenLineBytesMax) +
                                          " bytes, this one has " + std::to_string(line.size())};
  }
  const Fields fields = fieldsOf(line);
  if (fields.empty()) return std::optional<TokenEntry>();
  TokenEntry entry;
  if (auto what = readEntry(fields, entry)) return Error{ErrorCode::kInvalid, *std::move(what)};
  return std::optional(std::move(entry));
}

Result<std::vector<TokenEntry>> parseTokenFile(std::string_view text, std::string_view file) {
  const auto wrong = [&](size_t line, const std::string& what) {
    const std::string at = line == 0 ? "" : ":" + std::to_string(line);
    return Error{ErrorCode::kInvalid, std::string(file) + at + ": " + what};
  };
  if (text.size() > kTokenFileBytesMax) {
    return wrong(0, "it has more than " + std::to_string(kTokenFileBytesMax) + " bytes");
  }
  std::vector<TokenEntry> entries;
  Seen seen;
  for (size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    auto read = parseTokenLine(line);
    if (!read.ok()) return wrong(number, read.error().message);
    if (!read.value()) continue;
    TokenEntry& entry = *read.value();
    if (const auto what = seen.add(entry, number)) return wrong(number, *what);
    if (entries.size() == kTokensMax) {
      return wrong(number, "at most " + std::to_string(kTokensMax) + " tokens are taken");
    }
    entries.push_back(std::move(entry));
  }
  if (entries.empty()) return wrong(0, "it has no token; 'holdfast-ctl token new' makes one");
  return entries;
}

std::string lineOf(const TokenEntry& entry) {
  std::string line(nameOf(entry.role));
  line += " " + entry.name + " " + hexOf(entry.sha256);
  for (size_t i = 0; i < entry.instances.size(); ++i) {
    line += (i == 0 ? " " + std::string(kInstances) : ",") + entry.instances[i];
  }
  return line;
}

}  // namespace holdfast
