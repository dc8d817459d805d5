#include "bench/lmcache_load.h"

#include <algorithm>
#include <chrono>
#include <msgpack.hpp>
#include <string_view>
#include <utility>

namespace holdfast::bench {
namespace {

constexpr const char* kEndOfOrders = "inproc://end";
constexpr const char* kLocation = "LocalCPUBackend";
constexpr std::chrono::milliseconds kAnswerPatience{30'000};

// msgpack-c writes into whatever has write(); a std::string has append().
class Text {
 public:
  void write(const char* bytes, size_t count) { text_.append(bytes, count); }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void packText(msgpack::packer<Text>& to, std::string_view text) {
  to.pack_str(static_cast<uint32_t>(text.size()));
  to.pack_str_body(text.data(), static_cast<uint32_t>(text.size()));
}

std::string instanceOf(uint32_t worker) {
  return "lmcache-" + std::to_string(worker);
}

std::string registrationOf(uint32_t worker, uint16_t port) {
  Text text;
  msgpack::packer<Text> to(text);
  to.pack_map(6);
  packText(to, "type");
  packText(to, "RegisterMsg");
  packText(to, "instance_id");
  packText(to, instanceOf(worker));
  packText(to, "worker_id");
  to.pack(0u);
  packText(to, "ip");
  packText(to, "127.0.0.1");
  packText(to, "port");
  to.pack(port);
  packText(to, "peer_init_url");
  to.pack_nil();
  return text.take();
}

std::string reportOf(uint32_t worker, uint64_t first, uint64_t count) {
  Text text;
  msgpack::packer<Text> to(text);
  to.pack_map(5);
  packText(to, "type");
  packText(to, "BatchedKVOperationMsg");
  packText(to, "instance_id");
  packText(to, instanceOf(worker));
  packText(to, "worker_id");
  to.pack(0u);
  packText(to, "location");
  packText(to, kLocation);
  packText(to, "operations");
  to.pack_array(static_cast<uint32_t>(count));
  for (uint64_t seq = first; seq < first + count; ++seq) {
    to.pack_map(3);
    packText(to, "op_type");
    packText(to, "admit");
    packText(to, "key");
    to.pack(LmcacheLoad::keyOf(worker, seq));
    packText(to, "seq_num");
    to.pack(seq);
  }
  return text.take();
}

std::string healthy() {
  Text text;
  msgpack::packer<Text> to(text);
  to.pack_map(2);
  packText(to, "type");
  packText(to, "HealthWorkerRetMsg");
  packText(to, "error_code");
  to.pack(0);
  return text.take();
}

uint16_t portOf(const zmq::socket_t& socket) {
  const std::string endpoint = socket.get(zmq::sockopt::last_endpoint);
  return static_cast<uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
}

}  // namespace

LmcacheLoad::LmcacheLoad(const Ways& ways, uint32_t workers)
    : ways_(ways), end_(context_, zmq::socket_type::pair) {
  // Three for each worker, and those that the library has itself.
  context_.set(zmq::ctxopt::max_sockets, static_cast<int>(3 * workers + 64));
  for (uint32_t i = 0; i < workers; ++i) {
    Worker worker{.push = zmq::socket_t(context_, zmq::socket_type::push),
                  .orders = zmq::socket_t(context_, zmq::socket_type::rep),
                  .messages = {}};
    worker.push.set(zmq::sockopt::linger, 0);
    worker.push.connect(ways.pull);
    worker.orders.set(zmq::sockopt::linger, 0);
    worker.orders.bind("tcp://127.0.0.1:*");
    worker.port = portOf(worker.orders);
    workers_.push_back(std::move(worker));
  }
  end_.bind(kEndOfOrders);
  thread_ = std::thread([this] { answerOrders(); });
}

LmcacheLoad::~LmcacheLoad() {
  end_.send(zmq::message_t(), zmq::send_flags::none);
  thread_.join();
}

void LmcacheLoad::answerOrders() {
  zmq::socket_t end(context_, zmq::socket_type::pair);
  end.connect(kEndOfOrders);
  std::vector<zmq::pollitem_t> items = {{end.handle(), 0, ZMQ_POLLIN, 0}};
  for (Worker& worker : workers_) items.push_back({worker.orders.handle(), 0, ZMQ_POLLIN, 0});
  const std::string answer = healthy();
  for (;;) {
    zmq::poll(items, std::chrono::milliseconds(-1));
    if ((items[0].revents & ZMQ_POLLIN) != 0) return;
    for (size_t i = 0; i < workers_.size(); ++i) {
      if ((items[i + 1].revents & ZMQ_POLLIN) == 0) continue;
      zmq::message_t order;
      if (!workers_[i].orders.recv(order, zmq::recv_flags::dontwait)) continue;
      workers_[i].orders.send(zmq::buffer(answer), zmq::send_flags::none);
    }
  }
}

std::string LmcacheLoad::registerAll() {
  for (uint32_t i = 0; i < workers_.size(); ++i) {
    zmq::socket_t request(context_, zmq::socket_type::dealer);
    request.set(zmq::sockopt::linger, 0);
    request.set(zmq::sockopt::rcvtimeo, static_cast<int>(kAnswerPatience.count()));
    request.connect(ways_.reply);
    request.send(zmq::message_t(), zmq::send_flags::sndmore);
    request.send(zmq::buffer(registrationOf(i, workers_[i].port)), zmq::send_flags::none);
    bool more = true;
    zmq::message_t answer;
    while (more) {
      if (!request.recv(answer, zmq::recv_flags::none)) return "a registration was not answered";
      more = answer.more();
    }
    if (answer.to_string_view().find("RegisterRetMsg") == std::string_view::npos) {
      return "a registration was refused: " + answer.to_string();
    }
  }
  return {};
}

void LmcacheLoad::prepare(uint64_t perWorker, uint32_t perMessage) {
  for (uint32_t i = 0; i < workers_.size(); ++i) {
    Worker& worker = workers_[i];
    worker.messages.clear();
    const uint64_t end = worker.operations + perWorker;
    while (worker.operations < end) {
      const uint64_t count = std::min<uint64_t>(perMessage, end - worker.operations);
      worker.messages.push_back(reportOf(i, worker.operations, count));
      worker.operations += count;
    }
  }
}

void LmcacheLoad::send() {
  size_t longest = 0;
  for (const Worker& worker : workers_) longest = std::max(longest, worker.messages.size());
  for (size_t i = 0; i < longest; ++i) {
    for (Worker& worker : workers_) {
      if (i >= worker.messages.size()) continue;
      worker.push.send(zmq::buffer(worker.messages[i]), zmq::send_flags::none);
    }
  }
  for (Worker& worker : workers_) worker.messages.clear();
}

}  // namespace holdfast::bench
