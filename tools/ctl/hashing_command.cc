// hashing.
#include "commands.h"
#include "describe.h"

namespace holdfast::ctl {
namespace {

using HashingModel = schema::HashingRetMsg::Model::Reader;
using HashingSource = schema::HashingRetMsg::Source::Reader;

std::string_view hashingStateName(schema::HashingRetMsg::State state) {
  switch (state) {
    case schema::HashingRetMsg::State::LEARNING:
      return "learning";
    case schema::HashingRetMsg::State::FITS:
      return "fits";
    case schema::HashingRetMsg::State::MIXED:
      return "mixed";
    case schema::HashingRetMsg::State::UNKNOWN:
      return "unknown";
  }
  return "unknown";
}

void writeModel(JsonWriter& json, HashingModel model) {
  json.beginObject();
  json.text("model", viewOf(model.getModel()));
  json.text("family", viewOf(model.getFamily()));
  json.text("algorithm", viewOf(model.getAlgorithm()));
  json.number("blockSize", model.getBlockSize());
  json.boolean("seeded", model.getSeeded());
  json.boolean("seedSet", model.getSeedSet());
  json.text("seed", viewOf(model.getSeed()));
  json.text("profile", viewOf(model.getProfile()));
  json.number("sources", model.getSources());
  json.boolean("lookups", model.getLookups());
  json.endObject();
}

void writeSource(JsonWriter& json, HashingSource source) {
  json.beginObject();
  json.text("instanceId", viewOf(source.getInstanceId()));
  json.number("workerId", source.getWorkerId());
  json.text("model", viewOf(source.getModel()));
  json.text("medium", viewOf(source.getMedium()));
  json.text("state", hashingStateName(source.getState()));
  json.text("profile", viewOf(source.getProfile()));
  json.text("trouble", viewOf(source.getTrouble()));
  json.number("fittedBlocks", source.getFittedBlocks());
  json.number("differingBlocks", source.getDifferingBlocks());
  json.number("uncheckedBlocks", source.getUncheckedBlocks());
  json.endObject();
}

void printModels(std::ostream& out, schema::HashingRetMsg::Reader answer) {
  Table table({{"MODEL"}, {"HASHES AS"}, {"SOURCES", kRight}, {"NOTE"}});
  for (const auto model : answer.getModels()) {
    table.add({stringOf(model.getModel()), stringOf(model.getProfile()),
               grouped(model.getSources()),
               model.getLookups() ? "look-ups by tokens do, too" : ""});
  }
  table.print(out);
}

void printSources(std::ostream& out, schema::HashingRetMsg::Reader answer) {
  Table table({{"INSTANCE"},
               {"RANK", kRight},
               {"MEDIUM"},
               {"MODEL"},
               {"STATE"},
               {"FITTED BLOCKS", kRight},
               {"DIFFERING", kRight},
               {"UNCHECKED", kRight},
               {"TROUBLE"}});
  for (const auto source : answer.getSources()) {
    table.add({stringOf(source.getInstanceId()), std::to_string(source.getWorkerId()),
               stringOf(source.getMedium()), stringOf(source.getModel()),
               std::string(hashingStateName(source.getState())), grouped(source.getFittedBlocks()),
               grouped(source.getDifferingBlocks()), grouped(source.getUncheckedBlocks()),
               stringOf(source.getTrouble())});
  }
  table.print(out);
}

}  // namespace

void showHashing(Controller& controller, const Output& output) {
  auto request = controller.op().hashingRequest();
  request.initMessage();
  const auto response = controller.call(request, kUsualPatience);
  const auto answer = response.getAnswer();
  if (output.json) {
    JsonWriter json(output.out);
    json.beginObject();
    json.beginList("models");
    for (const auto model : answer.getModels()) writeModel(json, model);
    json.endList();
    json.beginList("sources");
    for (const auto source : answer.getSources()) writeSource(json, source);
    json.endList();
    json.number("sourcesLeftOut", answer.getSourcesLeftOut());
    json.endObject();
    return;
  }
  if (answer.getSources().size() == 0 && answer.getModels().size() == 0) {
    output.out << "nothing was learned: no engine has published what it stores\n";
    return;
  }
  printModels(output.out, answer);
  output.out << '\n';
  printSources(output.out, answer);
  if (answer.getSourcesLeftOut() != 0) {
    output.out << "and " << grouped(answer.getSourcesLeftOut()) << " more\n";
  }
}

}  // namespace holdfast::ctl
