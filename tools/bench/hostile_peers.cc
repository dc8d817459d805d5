#include "bench/hostile_peers.h"

#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/access_control.h"
#include "bench/steady_lookups.h"
#include "schema/controller.capnp.h"

namespace holdfast::bench {
namespace {

// A connection to a port of this machine that never blocks.
class RawPeer {
 public:
  explicit RawPeer(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    open_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    fcntl(socket_, F_SETFL, O_NONBLOCK);
  }
  ~RawPeer() { close(socket_); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  bool isOpen() const { return open_; }
  // How many bytes the connection takes now.
  size_t send(std::string_view bytes) {
    if (!open_) return 0;
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) open_ = false;
    return sent < 0 ? 0 : static_cast<size_t>(sent);
  }

 private:
  const int socket_;
  bool open_ = false;
};

using Peers = std::vector<std::unique_ptr<RawPeer>>;

void append(std::string& to, capnp::MallocMessageBuilder& message) {
  const auto words = capnp::messageToFlatArray(message);
  const auto bytes = words.asChars();
  to.append(bytes.begin(), bytes.size());
}

// As many as a connection may make.
std::string authentications() {
  std::string all;
  capnp::MallocMessageBuilder bootstrap;
  bootstrap.initRoot<capnp::rpc::Message>().initBootstrap().setQuestionId(0);
  append(all, bootstrap);
  for (uint32_t i = 1; i <= kAuthenticationsPerConnectionMax; ++i) {
    capnp::MallocMessageBuilder authenticate;
    auto call = authenticate.initRoot<capnp::rpc::Message>().initCall();
    call.setQuestionId(i);
    call.initTarget().initPromisedAnswer().setQuestionId(0);
    call.setInterfaceId(capnp::typeId<schema::Bootstrap>());
    call.setMethodId(0);
    call.initParams().getContent().initAs<schema::Bootstrap::AuthenticateParams>();
    append(all, authenticate);
  }
  return all;
}

// Those that were closed come again.
void keepOpen(Peers& peers, size_t wanted, uint16_t port) {
  std::erase_if(peers, [](const auto& peer) { return !peer->isOpen(); });
  while (peers.size() < wanted) peers.push_back(std::make_unique<RawPeer>(port));
}

using Step = std::function<void()>;

Step sayNothing(const Doors& doors) {
  auto peers = std::make_shared<Peers>();
  return [=] {
    keepOpen(*peers, 10'000, doors.rpc);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  };
}

Step sayItByteByByte(const Doors& doors) {
  auto rpc = std::make_shared<Peers>();
  auto http = std::make_shared<Peers>();
  auto at = std::make_shared<size_t>(0);
  return [=] {
    static constexpr std::string_view kRequest = "POST /v1/lookup HTTP/1.1\r\nHost: x\r\nX: ";
    keepOpen(*rpc, 200, doors.rpc);
    keepOpen(*http, 200, doors.http);
    const char next = *at < kRequest.size() ? kRequest[*at] : 'x';
    ++*at;
    for (const auto& peer : *http) peer->send({&next, 1});
    for (const auto& peer : *rpc) peer->send({"\0", 1});
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  };
}

// A message of 63 MiB whose end never comes.
Step sayHalf(const Doors& doors) {
  auto peers = std::make_shared<Peers>();
  auto sent = std::make_shared<std::vector<size_t>>(100, 0);
  auto zeros = std::make_shared<std::string>(1 << 20, '\0');
  return [=] {
    constexpr size_t kBytes = size_t{62} << 20;
    constexpr uint32_t kHead[2] = {0, (uint32_t{63} << 20) / 8};
    for (size_t i = 0; i < sent->size(); ++i) {
      if (i == peers->size()) peers->emplace_back();
      auto& peer = (*peers)[i];
      if (peer == nullptr || !peer->isOpen()) {
        peer = std::make_unique<RawPeer>(doors.rpc);
        peer->send({reinterpret_cast<const char*>(kHead), sizeof kHead});
        (*sent)[i] = 0;
      }
      if ((*sent)[i] < kBytes) (*sent)[i] += peer->send(*zeros);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
}

Step neverRead(const Doors& doors) {
  auto peers = std::make_shared<Peers>();
  return [=] {
    static constexpr std::string_view kRequest = "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";
    keepOpen(*peers, 16, doors.http);
    for (const auto& peer : *peers) peer->send(kRequest);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
}

Step sayTooMuch(const Doors& doors) {
  auto header =
      std::make_shared<std::string>("GET /v1/status HTTP/1.1\r\nX: " + std::string(1 << 18, 'x'));
  return [=] {
    RawPeer peer(doors.http);
    peer.send(*header);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
}

Step comeAndGo(const Doors& doors) {
  return [=] {
    for (int i = 0; i < 16; ++i) RawPeer peer(i % 2 == 0 ? doors.rpc : doors.http);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
}

// Each call grants capabilities that stay until its answer is finished with, which never comes.
Step neverFinish(const Doors& doors) {
  auto peers = std::make_shared<Peers>();
  return [=] {
    static const std::string all = authentications();
    constexpr size_t kPeers = 64;
    for (size_t i = 0; i < 4; ++i) {
      if (peers->size() == kPeers) peers->erase(peers->begin());
      peers->push_back(std::make_unique<RawPeer>(doors.rpc));
      peers->back()->send(all);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
}

const HostileKind kKinds[] = {{"10,000 silent connections", sayNothing},
                              {"400 that send a byte now and then", sayItByteByByte},
                              {"100 with 62 of 63 MiB", sayHalf},
                              {"16 that read no answers", neverRead},
                              {"headers of 256 KiB", sayTooMuch},
                              {"connections that come and go", comeAndGo},
                              {"authentications that are not finished with", neverFinish}};

}  // namespace

std::span<const HostileKind> hostileKinds() {
  return kKinds;
}

HostilePeers::HostilePeers(const HostileKind& kind, const DaemonProcess& daemon) {
  const Doors doors{portOf(daemon.tcpAddress()), portOf(daemon.httpAddress())};
  elsewhere([&] {
    thread_ = std::thread([this, step = kind.begin(doors)] {
      while (!stop_) step();
    });
  });
}

HostilePeers::~HostilePeers() {
  stop_ = true;
  thread_.join();
}

}  // namespace holdfast::bench
