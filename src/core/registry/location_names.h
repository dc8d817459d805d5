// Location names as small numbers. A name has its number as long as some location has the name;
// after that the number may go to another one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

class LocationNames {
 public:
  // For one more location; nothing where kLocationNamesMax distinct names are in use.
  std::optional<uint16_t> take(std::string_view name);
  // One location fewer has the name with this number.
  void drop(uint16_t id);

  bool knows(std::string_view name) const { return ids_.contains(name); }
  // Nothing: no location has that name.
  std::optional<uint16_t> find(std::string_view name) const {
    const auto found = ids_.find(name);
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }
  // Distinct names in use.
  size_t size() const { return ids_.size(); }
  // Of a number in use; valid for as long as it is.
  std::string_view name(uint16_t id) const { return names_[id].text; }

 private:
  struct Name {
    std::string text;
    uint32_t locations = 0;
  };

  std::vector<Name> names_;
  std::vector<uint16_t> free_;
  std::map<std::string, uint16_t, std::less<>> ids_;
};

}  // namespace holdfast
