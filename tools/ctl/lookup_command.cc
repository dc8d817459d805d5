#include "commands.h"
#include "describe.h"

namespace holdfast::ctl {

bool showLookup(Controller& controller, const Output& output, const Prompt& prompt) {
  auto request = controller.orchestrator().lookupRequest();
  auto message = request.initMessage();
  message.setModel(textOf(prompt.model));
  if (prompt.tokens) {
    message.setTokens(kj::arrayPtr(prompt.tokens->data(), prompt.tokens->size()));
  } else {
    message.setHashes(kj::arrayPtr(prompt.hashes->data(), prompt.hashes->size()));
  }
  const auto response = controller.call(request);
  const auto layouts = response.getAnswer().getLayoutInfo();
  if (output.json) {
    JsonWriter json(output.out);
    json.beginList();
    for (const auto layout : layouts) {
      json.beginObject();
      json.text("instanceId", viewOf(layout.getInstanceId()));
      json.text("location", viewOf(layout.getLocation()));
      json.number("matchedEnd", layout.getMatchedEnd());
      json.number("allRanksEnd", layout.getAllRanksEnd());
      json.number("matchedChunks", layout.getMatchedChunks());
      json.number("allRanksChunks", layout.getAllRanksChunks());
      json.boolean("unconfirmed", layout.getUnconfirmed());
      json.beginObject("hits");
      for (const auto hit : layout.getHits()) {
        json.number(viewOf(hit.getLocation()), hit.getChunks());
      }
      json.endObject();
      json.endObject();
    }
    json.endList();
  } else if (layouts.size() == 0) {
    output.out << "nobody holds the first chunk\n";
  } else {
    constexpr auto kRight = Table::Align::kRight;
    Table table({{"INSTANCE"},
                 {"LOCATION"},
                 {"MATCHED TOKENS", kRight},
                 {"ALL RANKS", kRight},
                 {"CHUNKS", kRight},
                 {"NOTE"}});
    for (const auto layout : layouts) {
      table.add({stringOf(layout.getInstanceId()), stringOf(layout.getLocation()),
                 grouped(layout.getMatchedEnd()), grouped(layout.getAllRanksEnd()),
                 grouped(layout.getMatchedChunks()),
                 layout.getUnconfirmed() ? "recovered, not yet confirmed by the worker" : ""});
    }
    table.print(output.out);
  }
  return true;
}

}  // namespace holdfast::ctl
