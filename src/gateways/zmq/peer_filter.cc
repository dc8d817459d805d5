#include "gateways/zmq/peer_filter.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/check.h"

namespace holdfast::gateways {
namespace {

constexpr size_t kRequestBytesMax = 64 << 10;
// Parts of a request: version, id, domain, address, identity, mechanism.
constexpr size_t kRequestParts = 6;

struct ParsedAddress {
  std::array<uint8_t, 16> bytes{};
  bool v4 = false;
};

std::optional<ParsedAddress> parseNumeric(std::string_view text) {
  const std::string copy(text.substr(0, text.find('%')));  // without an IPv6 zone
  ParsedAddress parsed;
  if (inet_pton(AF_INET6, copy.c_str(), parsed.bytes.data()) == 1) return parsed;
  parsed.bytes[10] = parsed.bytes[11] = 0xFF;
  parsed.v4 = true;
  if (inet_pton(AF_INET, copy.c_str(), parsed.bytes.data() + 12) == 1) return parsed;
  return std::nullopt;
}

}  // namespace

bool AddressRange::contains(const std::array<uint8_t, 16>& other) const {
  const unsigned whole = bits / 8;
  if (!std::equal(address.begin(), address.begin() + whole, other.begin())) return false;
  if (bits % 8 == 0) return true;
  const unsigned shift = 8 - bits % 8;
  return address[whole] >> shift == other[whole] >> shift;
}

std::optional<AddressRange> parseAddressRange(std::string_view text) {
  const size_t slash = text.find('/');
  const auto parsed = parseNumeric(text.substr(0, slash));
  if (!parsed || text.find('%') != std::string_view::npos) return std::nullopt;
  AddressRange range{parsed->bytes, 128};
  if (slash == std::string_view::npos) return range;
  const std::string_view size = text.substr(slash + 1);
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), bits);
  const unsigned most = parsed->v4 ? 32 : 128;
  if (error != std::errc() || end != size.data() + size.size() || bits > most) return std::nullopt;
  range.bits = parsed->v4 ? bits + 96 : bits;
  return range;
}

bool within(const std::vector<AddressRange>& ranges, std::string_view address) {
  if (ranges.empty()) return true;
  const auto parsed = parseNumeric(address);
  return parsed && std::any_of(ranges.begin(), ranges.end(), [&](const AddressRange& range) {
           return range.contains(parsed->bytes);
         });
}

PeerFilter::PeerFilter(SocketLoop& loop, std::vector<AddressRange> allowed,
                       std::function<void(std::string_view)> refused)
    : socket_(loop, zmq::socket_type::rep, kRequestBytesMax),
      allowed_(std::move(allowed)),
      refused_(std::move(refused)) {
  const auto error = socket_.bind("inproc://zeromq.zap.01");
  HOLDFAST_CHECK(!error, "%s", error->message.c_str());
  answering_ = answer().eagerlyEvaluate(nullptr);
}

void PeerFilter::guard(Socket& socket) {
  // Without a domain nobody is asked.
  socket.raw().set(zmq::sockopt::zap_domain, "holdfast");
}

kj::Promise<void> PeerFilter::answer() {
  return socket_.readable().then([this]() {
    std::vector<zmq::message_t> parts;
    while (socket_.receive(parts)) {
      if (parts.size() < kRequestParts) continue;
      const std::string id = parts[1].to_string();
      const std::string address = parts[3].to_string();
      const bool allowed = within(allowed_, address);
      if (!allowed) refused_(address);
      const std::string_view reply[] = {
          "1.0", id, allowed ? "200" : "400", allowed ? "OK" : "this address may not", "", ""};
      socket_.send(reply);
    }
    return answer();
  });
}

}  // namespace holdfast::gateways
