// A closed store as RocksDB sees it: keys, files, bytes to be damaged.
#pragma once

#include <cstdint>
#include <map>
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
// Paths of the table files of a family.
std::vector<std::string> tableFiles(const std::string& dataDir, const std::string& family);
// The newest log that is not empty.
std::string logFile(const std::string& dataDir);

void flipByte(const std::string& path, uint64_t at);

}  // namespace holdfast
