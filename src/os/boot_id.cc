#include "os/boot_id.h"

#include <fstream>

namespace holdfast {

std::string bootId() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

}  // namespace holdfast
