// Workers that were refused for how they hash, by model: where no worker of a model is registered,
// that is why. On the loop's thread.
#pragma once

#include <deque>
#include <string>
#include <string_view>

namespace holdfast {

class HashRefusals {
 public:
  // An empty model is the default one, as everywhere. `why`: how it hashes and how we do. The
  // newest kHashRefusalsMax models are kept.
  void refused(std::string_view model, std::string why);
  // A worker of the model was taken.
  void taken(std::string_view model);
  // Why the last worker of the model was refused; null: none was, or another one was taken since.
  // Valid until the next change.
  const std::string* of(std::string_view model) const;

 private:
  struct Refusal {
    std::string model;
    std::string why;
  };
  std::deque<Refusal> refusals_;  // oldest first
};

}  // namespace holdfast
