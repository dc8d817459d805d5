// The digests of the whole registry, kept as its locations change. A change only marks its
// location, so that reports pay next to nothing; marked ones are hashed when somebody asks. No more
// than kMarkedMax are ever marked, so that an answer costs the same however many locations there
// are.
#pragma once

#include <cstddef>
#include <vector>

#include "core/registry/registry_digest.h"

namespace holdfast {

struct Location;

// What a location has contributed, kept within it.
struct DigestShare {
  RegistryDigest content;
  RegistryDigest state;
  size_t mark = 0;  // its place among the marked ones, from 1; 0: not marked
};

class KeptDigests {
 public:
  static constexpr size_t kMarkedMax = 256;

  // The location is new, or one of its count, digest, seq, incarnation and hidden flag has changed.
  // Call it after the change; it must not be marked yet. With all places taken one that is marked
  // is hashed for it.
  void mark(Location& location);
  // The location goes away.
  void drop(Location& location);

  // As of now.
  RegistryDigest content();
  RegistryDigest state();

 private:
  void renew(Location& location);
  void renewMarked();

  RegistryDigest content_;
  RegistryDigest state_;
  std::vector<Location*> marked_;
  size_t next_ = 0;  // place of the one that is hashed next for another
};

}  // namespace holdfast
