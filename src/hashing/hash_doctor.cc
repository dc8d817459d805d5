#include "hashing/hash_doctor.h"

namespace holdfast {

struct HashDoctor::State {
  NoticeSink& notices;
};

HashDoctor::HashDoctor(NoticeSink& notices) : state_(new State{notices}) {}

HashDoctor::~HashDoctor() = default;

void HashDoctor::stored(const StoredBlocks&) {}

void HashDoctor::restarted(std::string_view, const WorkerName&) {}

void HashDoctor::forgotten(std::string_view, const WorkerName&) {}

}  // namespace holdfast
