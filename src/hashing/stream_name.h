// What names a stream: one medium of one source of one model.
#pragma once

#include <string>
#include <string_view>
#include <tuple>

#include "core/notices/subjects.h"

namespace holdfast {

struct StreamName {
  std::string model;
  WorkerName source;
  std::string medium;
};
// The same of somebody who asks.
struct StreamNameRef {
  std::string_view model;
  const WorkerName& source;
  std::string_view medium;
};

// By model, then source, then medium; of both.
struct ByStreamName {
  using is_transparent = void;

  template <typename One, typename Two>
  bool operator()(const One& one, const Two& two) const {
    return orderOf(one) < orderOf(two);
  }

 private:
  template <typename Name>
  static auto orderOf(const Name& name) {
    return std::tuple(std::string_view(name.model), std::string_view(name.source.instance),
                      name.source.worker, std::string_view(name.medium));
  }
};

}  // namespace holdfast
