// The one command that asks no controller.
#include <CLI/CLI.hpp>

#include "access/new_token.h"
#include "commands.h"
#include "text/json_writer.h"

namespace holdfast::ctl {

void makeToken(const Output& output, const TokenWish& wish) {
  const auto made = newToken(*roleNamed(wish.role), wish.name, wish.instances);
  if (!made.ok()) throw CLI::ValidationError("token new: " + made.error().message);
  const NewToken& token = made.value();
  if (output.json) {
    text::JsonWriter json(output.out);
    json.beginObject();
    json.text("token", token.token);
    json.text("line", token.line);
    json.endObject();
    return;
  }
  output.out << "The token, which is not shown again; its owner keeps it in a file of mode 600:\n"
             << token.token << "\n\n"
             << "Its line for the controller's token file (holdfastd --tokens FILE):\n"
             << token.line << "\n";
}

}  // namespace holdfast::ctl
