#include "notices/hashing_sentences.h"

#include "core/ids.h"

namespace holdfast::notice {
namespace {

std::string sourceText(const WorkerName& source, const std::string& model) {
  return "instance " + quotedForPeople(source.instance) + " worker " +
         std::to_string(source.worker) + ", model " + quotedForPeople(model);
}

}  // namespace

std::string sentence(const HashingLearned& n) {
  return sourceText(n.source, n.model) + ": hashes as " + n.profile +
         "; look-ups of this model by tokens do so, too";
}

std::string sentence(const HashingDiffers& n) {
  return sourceText(n.source, n.model) + ": hashes as " + n.profile +
         ", and the others of its model as " + n.others +
         ", so that neither finds what the other " + "holds: " + n.difference;
}

std::string sentence(const HashingUnknown& n) {
  const std::string what =
      n.before.empty() ? ": its hashes fit nothing that is known"
                       : ": its hashes, which were those of " + n.before + ", fit nothing now";
  return sourceText(n.source, n.model) + what +
         ", so that what it holds is found by hashes only: " + n.reason;
}

std::string sentence(const HashingMixed& n) {
  const std::string other = n.other.empty() ? "in a way that fits nothing that is known" : n.other;
  return sourceText(n.source, n.model) + ": what it stores is hashed now as " + n.profile +
         ", now " + (n.other.empty() ? "" : "as ") + other +
         ": do two engines, or two models, publish on one endpoint? Give each its own; prompts "
         "with "
         "keys that its events do not tell (a salt under vLLM up to 0.11) look the same";
}

std::string sentence(const HashingAgrees& n) {
  return sourceText(n.source, n.model) + ": hashes as " + n.profile +
         ", as the others of its model do";
}

}  // namespace holdfast::notice
