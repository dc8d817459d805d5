// A closed store as RocksDB sees it: keys, files, bytes to be damaged.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace holdfast {

// By family name; keys as stored.
using RawKeys = std::map<std::string, std::vector<std::string>>;
RawKeys rawKeys(const std::string& dataDir);
void rawPut(const std::string& dataDir, const std::string& family, const std::string& key,
            const std::string& value);
std::string rawGet(const std::string& dataDir, const std::string& family, const std::string& key);
void rawErase(const std::string& dataDir, const std::string& family, const std::string& key);
// Writes the rows of `from` that a store has not, behind its log and in a new one. Of the families
// in `flushed` what is in the older log goes to table files first, of others it stays there alone.
using RawRows = std::map<std::string, std::map<std::string, std::string>>;  // by family name
RawRows rawRows(const std::string& dataDir);
void rawGoOn(const std::string& dataDir, const RawRows& from, const std::set<std::string>& flushed);
// Paths of the table files of a family.
std::vector<std::string> tableFiles(const std::string& dataDir, const std::string& family);
// The newest log that is not empty.
std::string logFile(const std::string& dataDir);

void flipByte(const std::string& path, uint64_t at);

}  // namespace holdfast
