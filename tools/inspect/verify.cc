// verify: prints what the verifier found.
#include "inspect/commands.h"
#include "inspect/copy_check.h"
#include "inspect/verifier.h"
#include "text/json_writer.h"
#include "text/table.h"

namespace holdfast::inspect {
namespace {

using text::grouped;

void writeFinding(text::JsonWriter& json, const Finding& finding) {
  json.beginObject();
  json.text("severity", finding.severity == Severity::kProblem ? "problem" : "note");
  json.text("kind", finding.kind);
  json.text("family", finding.place.family);
  json.text("instanceId", finding.place.instance);
  if (finding.place.worker) json.number("workerId", *finding.place.worker);
  json.text("location", finding.place.location);
  json.text("record", finding.place.record);
  json.text("what", finding.what);
  json.text("remedy", finding.remedy);
  json.endObject();
}

// Of a copy, whether it is whole in a sentence; empty of anything else.
std::string copyText(const CopyCheck& check) {
  const CopyState::Kind kind = check.state.kind;
  if (kind == CopyState::Kind::kNone || kind == CopyState::Kind::kUsed) return "";
  if (kind != CopyState::Kind::kCopy || check.outcome.problems != 0) {
    return "a copy that is not whole\n";
  }
  const CopyManifest& manifest = check.state.manifest;
  const std::string& digest = manifest.registryDigest;
  return "a whole copy: " + text::countText(manifest.files.size(), "file") + " as of write " +
         grouped(manifest.sequence) + (digest.empty() ? "" : ", registry digest " + digest) + "\n";
}

void writeCopy(text::JsonWriter& json, const CopyCheck& check) {
  const CopyManifest& manifest = check.state.manifest;
  if (check.state.kind != CopyState::Kind::kCopy) return;
  json.beginObject("copy");
  json.boolean("whole", check.outcome.problems == 0);
  json.number("files", manifest.files.size());
  json.number("sequence", manifest.sequence);
  json.number("madeWallMs", manifest.madeWallMs);
  json.text("clusterId", manifest.clusterId);
  json.text("registryDigest", manifest.registryDigest);
  json.endObject();
}

void writeVerification(const std::string& dataDir, const StoreReader* reader,
                       const CopyCheck& check, const VerifyOutcome& outcome, const Output& output) {
  text::JsonWriter json(output.out);
  json.beginObject();
  json.text("directory", dataDir);
  json.boolean("besideWriter", reader != nullptr && reader->besideWriter());
  json.number("sequence", reader == nullptr ? 0 : reader->sequence());
  writeCopy(json, check);
  json.number("problems", outcome.problems);
  json.number("notes", outcome.notes);
  json.number("families", outcome.families);
  json.number("keys", outcome.keys);
  json.number("tableFiles", outcome.tableFiles);
  json.number("tableBytes", outcome.tableBytes);
  json.number("milliseconds", static_cast<uint64_t>(outcome.seconds * 1000));
  json.beginList("findings");
  for (const Finding& finding : outcome.findings) writeFinding(json, finding);
  json.endList();
  json.endObject();
}

void printVerification(const std::string& dataDir, const StoreReader* reader,
                       const CopyCheck& check, const VerifyOutcome& outcome, const Output& output) {
  for (const Finding& finding : outcome.findings) {
    output.out << (finding.severity == Severity::kProblem ? "PROBLEM  " : "note     ")
               << describe(finding.place) << "\n         " << finding.what << " [" << finding.kind
               << "]\n         -> " << finding.remedy << "\n";
  }
  const size_t all = outcome.problems + outcome.notes;
  if (all > outcome.findings.size()) {
    output.out << "... and " << grouped(all - outcome.findings.size()) << " more\n";
  }
  output.out << copyText(check)
             << (outcome.problems == 0 ? "no problem"
                                       : text::countText(outcome.problems, "problem"))
             << " in " << dataDir;
  if (reader == nullptr) {
    output.out << ", which does not open\n";
    return;
  }
  output.out << " as of write " << grouped(reader->sequence()) << ": " << grouped(outcome.families)
             << " families, " << grouped(outcome.keys) << " keys recounted, "
             << grouped(outcome.tableFiles) << " table files of "
             << text::bytesText(outcome.tableBytes) << " read, "
             << text::durationText(static_cast<uint64_t>(outcome.seconds * 1000)) << '\n';
}

}  // namespace

ExitCode showVerification(const std::string& dataDir, const Output& output) {
  CopyCheck check = checkCopy(dataDir, output.progress);
  const auto opened = StoreReader::open(dataDir);
  if (!opened.ok() && check.outcome.problems == 0) {
    output.err << "holdfast-inspect: " << opened.error().message << '\n';
    return kUnreadable;
  }
  const StoreReader* const reader = opened.ok() ? opened.value().get() : nullptr;
  VerifyOutcome outcome;
  if (reader != nullptr) {
    compareWithCopy(*reader, check, output.progress);
    outcome = verify(*reader, VerifyOptions(), output.progress);
  }
  // What is wrong with the copy comes first: the rest may follow from it.
  outcome.findings.insert(outcome.findings.begin(), check.outcome.findings.begin(),
                          check.outcome.findings.end());
  outcome.problems += check.outcome.problems;
  outcome.notes += check.outcome.notes;
  (output.json ? writeVerification : printVerification)(dataDir, reader, check, outcome, output);
  return outcome.problems == 0 ? kDone : kFound;
}

}  // namespace holdfast::inspect
