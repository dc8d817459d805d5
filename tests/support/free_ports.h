// Ports for servers that have to be told theirs, and are started on them again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace holdfast::test {

// So many ports of 127.0.0.1 that nobody has; a process gets each of them once. They are below
// those that the system gives to connections: while a server is away, one of those could take its
// port.
std::vector<uint16_t> freePorts(size_t count);
inline uint16_t freePort() {
  return freePorts(1).front();
}

}  // namespace holdfast::test
