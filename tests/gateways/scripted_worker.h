// A worker of LMCache as far as orders go: a REP socket, on a thread of its own, that answers as a
// test tells it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

namespace holdfast::lmcache {

class ScriptedWorker {
 public:
  // Nothing: it ends without an answer, closing its connections.
  using Answer = std::function<std::optional<std::string>(const std::string& order)>;

  explicit ScriptedWorker(Answer answer, const std::string& endpoint = "tcp://127.0.0.1:*")
      : answer_(std::move(answer)) {
    context_.set(zmq::ctxopt::ipv6, 1);
    socket_.set(zmq::sockopt::ipv6, 1);
    socket_.set(zmq::sockopt::linger, 1000);
    socket_.bind(endpoint);
    endpoint_ = socket_.get(zmq::sockopt::last_endpoint);
    thread_ = std::thread([this]() { serve(); });
  }
  ~ScriptedWorker() {
    context_.shutdown();
    thread_.join();
  }

  const std::string& endpoint() const { return endpoint_; }
  std::vector<std::string> orders() {
    const std::lock_guard lock(mutex_);
    return orders_;
  }

 private:
  void serve() {
    try {
      while (true) {
        zmq::message_t order;
        (void)socket_.recv(order);
        const std::string text = order.to_string();
        {
          const std::lock_guard lock(mutex_);
          orders_.push_back(text);
        }
        const auto answer = answer_(text);
        if (!answer) break;
        socket_.send(zmq::buffer(*answer), zmq::send_flags::none);
      }
    } catch (const zmq::error_t&) {
      // The context was shut down.
    }
    socket_.close();
  }

  const Answer answer_;
  zmq::context_t context_;
  zmq::socket_t socket_{context_, zmq::socket_type::rep};
  std::string endpoint_;
  std::mutex mutex_;
  std::vector<std::string> orders_;
  std::thread thread_;
};

}  // namespace holdfast::lmcache
