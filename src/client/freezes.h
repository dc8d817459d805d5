// Which locations an engine was asked to freeze: pairs the calls of ClientOptions::onFreeze.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

namespace holdfast {

class Freezes {
 public:
  using Callback = std::function<void(std::string_view location, bool freeze)>;

  // `callback` outlives it, and may be empty.
  explicit Freezes(const Callback& callback) : callback_(callback) {}
  // Thaws all.
  ~Freezes() {
    for (const std::string& location : frozen_) callback_(location, false);
  }
  Freezes(const Freezes&) = delete;
  Freezes& operator=(const Freezes&) = delete;

  void freeze(const std::string& location) {
    if (callback_ && frozen_.insert(location).second) callback_(location, true);
  }
  void thaw(const std::string& location) {
    if (frozen_.erase(location) > 0) callback_(location, false);
  }
  // The frozen ones.
  const std::set<std::string>& all() const { return frozen_; }

 private:
  const Callback& callback_;
  std::set<std::string> frozen_;
};

}  // namespace holdfast
