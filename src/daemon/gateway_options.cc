#include "daemon/gateway_options.h"

#include <charconv>
#include <cstdint>
#include <system_error>

#include "core/address.h"
#include "core/ids.h"
#include "core/limits.h"
#include "daemon/option_kinds.h"
#include "gateways/zmq/peer_filter.h"

namespace holdfast {
namespace {

// "10.0.0.1:8300": an address, not a name.
std::string numericAddressError(const std::string& text) {
  const auto parsed = parseAddress(text);
  if (!parsed.ok()) return parsed.error().message;
  if (parsed.value().isUnix() || !gateways::parseAddressRange(parsed.value().host)) {
    return quotedForPeople(text) + " is no IP address with a port: 127.0.0.1:8300, [::1]:8300";
  }
  return "";
}

std::string rangeError(const std::string& text) {
  if (gateways::parseAddressRange(text)) return "";
  return quotedForPeople(text) + " is no range of addresses: use 10.0.0.0/8, fd00::/8 or 10.0.0.7";
}

// PATTERN=VALUE, the value being right for `isValue`.
std::string settingError(const std::string& text, const char* form,
                         bool (*isValue)(const std::string& value)) {
  const size_t at = text.rfind('=');
  if (at != std::string::npos && at != 0 && isValue(text.substr(at + 1))) return "";
  return quotedForPeople(text) + " is not of the form " + form;
}

std::string modelError(const std::string& text) {
  return settingError(text, "PATTERN=MODEL (llama-*=Llama-3.1-70B)", [](const std::string& model) {
    return !invalidId("model", model, kModelBytesMax);
  });
}

std::string worldSizeError(const std::string& text) {
  return settingError(text, "PATTERN=N (llama-*=8), N from 1 to 65536", [](const std::string& n) {
    uint32_t ranks = 0;
    const auto [end, error] = std::from_chars(n.data(), n.data() + n.size(), ranks);
    return error == std::errc() && end == n.data() + n.size() && ranks >= 1 && ranks <= 65'536;
  });
}

}  // namespace

void addLmcacheOptions(CLI::App& app, Configuration& c) {
  constexpr const char* kGroup = "LMCache (workers of LMCache, unmodified)";
  const auto address = [&](const char* name, std::string& to, const char* help) {
    app.add_option(name, to, help)
        ->check(CLI::Validator(numericAddressError, "", "address"))
        ->type_name("ADDR")
        ->group(kGroup);
  };
  address("--lmcache-pull", c.lmcache.pull,
          "Where workers report to (controller_pull_url): an IP address with a port, 0.0.0.0 or "
          "[::] for all. Off where it is not set");
  address("--lmcache-reply", c.lmcache.reply,
          "Where they register and ask (controller_reply_url); goes with --lmcache-pull");
  address("--lmcache-heartbeat", c.lmcache.heartbeat,
          "Where they are told to send heartbeats to; only by an answer to one can a worker be "
          "asked for a full sync. They send some where lmcache_worker_heartbeat_time is set");
  app.add_option("--lmcache-heartbeat-url", c.lmcache.heartbeatUrl,
                 "What they are told as that address, where it is another one to them: host:port")
      ->check(CLI::Validator(addressError, "", "address"))
      ->type_name("ADDR")
      ->group(kGroup);
  app.add_option("--lmcache-http", c.lmcache.http,
                 "Address of the HTTP interface of LMCache's controller, for scripts and routers "
                 "that ask it: like --listen; its own port is 9000. --http has the same routes "
                 "beside its own, here there is nothing else but probes and metrics")
      ->check(CLI::Validator(addressError, "", "address"))
      ->type_name("ADDR")
      ->delimiter(',')
      ->take_all()
      ->group(kGroup);
  app.add_flag("--lmcache-insecure", c.lmcache.insecure,
               "Take addresses that other machines reach. This wire knows no tokens and no TLS: "
               "whoever reaches them can say what any worker holds. --lmcache-http asks for "
               "tokens where there are some (--tokens), else for none")
      ->group(kGroup);
  app.add_option("--lmcache-allow", c.lmcache.allow,
                 "Addresses that may connect: 10.0.0.0/8, fd00::/8, 10.0.0.7; may be repeated. "
                 "Default: all")
      ->check(CLI::Validator(rangeError, "", "range"))
      ->type_name("RANGE")
      ->delimiter(',')
      ->take_all()
      ->group(kGroup);
  app.add_option("--lmcache-gap", c.lmcache.gap,
                 "What a location holds of which reports were lost: 'keep' it in look-ups until a "
                 "full sync, or 'hide' it")
      ->check(CLI::IsMember({"keep", "hide"}))
      ->type_name("")
      ->capture_default_str()
      ->group(kGroup);
  app.add_option("--lmcache-model", c.lmcache.models,
                 "Model of the instances that a pattern names, which their wire does not say: "
                 "llama-*=Llama-3.1-70B; may be repeated, the first that matches counts. Default: "
                 "--default-model")
      ->check(CLI::Validator(modelError, "", "setting"))
      ->type_name("SETTING")
      ->delimiter(',')
      ->take_all()
      ->group(kGroup);
  app.add_option("--lmcache-world-size", c.lmcache.worldSizes,
                 "Ranks that make such an instance whole: llama-*=8; where one rank caches for all "
                 "(save_only_first_rank), 1. Default: those that have registered")
      ->check(CLI::Validator(worldSizeError, "", "setting"))
      ->type_name("SETTING")
      ->delimiter(',')
      ->take_all()
      ->group(kGroup);
}

void addEngineOptions(CLI::App& app, Configuration& c, OptionTexts& t) {
  constexpr const char* kGroup =
      "Engines (whose KV events are read; which they are, [[engine]] tables of the file say)";
  app.add_option("--engine-loss", t.engineLoss,
                 "What becomes of what an engine said where messages of it are lost that it can no "
                 "longer send again: 'forget' it, so that only what it announces from then on is "
                 "looked up, or 'keep' it, with what it dropped meanwhile")
      ->check(CLI::IsMember({"forget", "keep"}))
      ->type_name("")
      ->capture_default_str()
      ->group(kGroup);
  app.add_option("--clear-means", t.clearMeans,
                 "What an engine that cleared its blocks has cleared: 'gpu', as vLLM, whose other "
                 "tiers stay, or 'all'")
      ->check(CLI::IsMember({"gpu", "all"}))
      ->type_name("")
      ->capture_default_str()
      ->group(kGroup);
  app.add_flag("--engine-groups", c.engineGroups,
               "Of models with several kinds of layers, keep the blocks of those that make no "
               "prefixes too, in locations of their own (GPU/1)")
      ->group(kGroup);
  app.add_flag("--engine-reset", c.engineReset,
               "Have an engine whose messages were lost empty its prefix cache, at the 'http' "
               "address of its table: what it holds is known again, and it computes it anew")
      ->group(kGroup);
}

}  // namespace holdfast
