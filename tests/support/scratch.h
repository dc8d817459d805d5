// A directory for one test, gone with it. In memory where there is room for it: these tests are
// about what is written, and none of them cuts the power.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace holdfast::test {

class Scratch {
 public:
  Scratch() {
    std::error_code none;
    const bool shared = std::filesystem::is_directory("/dev/shm", none);
    std::string name =
        (shared ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path()) /
        "holdfast_test_XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace holdfast::test
