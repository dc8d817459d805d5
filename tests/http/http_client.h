// A client over a real socket that sends whatever a test wants and reads answers one by one.
#pragma once

#include <gtest/gtest.h>
#include <kj/async-io.h>

#include <map>
#include <string>
#include <string_view>

namespace holdfast::test {

struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

class HttpClient {
 public:
  HttpClient(kj::AsyncIoContext& io, const std::string& address)
      : io_(io),
        stream_(io.provider->getNetwork()
                    .parseAddress(address.c_str())
                    .wait(io.waitScope)
                    ->connect()
                    .wait(io.waitScope)) {}

  static std::string requestOf(std::string_view method, std::string_view target,
                               std::string_view body = {}, std::string_view headers = {}) {
    std::string text = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n";
    text += headers;
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return text + "\r\n" + std::string(body);
  }

  void send(std::string_view text) { stream_->write(text.data(), text.size()).wait(io_.waitScope); }
  // One answer; of a request with the method HEAD it has no body.
  HttpAnswer receive(bool head = false) {
    HttpAnswer answer;
    size_t end = std::string::npos;
    while ((end = read_.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) {
        ADD_FAILURE() << "the connection ended in the middle of an answer: " << read_;
        return answer;
      }
    }
    parseHead(read_.substr(0, end + 2), answer);
    read_.erase(0, end + 4);
    if (head) return answer;
    const auto length = answer.headers.find("content-length");
    if (length != answer.headers.end()) answer.body = take(std::stoul(length->second));
    return answer;
  }
  HttpAnswer ask(std::string_view method, std::string_view target, std::string_view body = {},
                 std::string_view headers = {}) {
    send(requestOf(method, target, body, headers));
    return receive(method == "HEAD");
  }
  HttpAnswer get(std::string_view target) { return ask("GET", target); }

  // Reads until the server ends the connection; what came.
  std::string rest() {
    while (more()) {
    }
    return std::exchange(read_, {});
  }
  // The same, where it may also be reset.
  void untilClosed() {
    try {
      rest();
    } catch (const kj::Exception& e) {
      EXPECT_EQ(e.getType(), kj::Exception::Type::DISCONNECTED) << e.getDescription().cStr();
    }
  }
  // Waits until that much more has come.
  std::string take(size_t bytes) {
    while (read_.size() < bytes && more()) {
    }
    EXPECT_GE(read_.size(), bytes);
    std::string taken = read_.substr(0, bytes);
    read_.erase(0, bytes);
    return taken;
  }
  kj::AsyncIoStream& stream() { return *stream_; }

 private:
  bool more() {
    char buffer[16 << 10];
    const size_t had = stream_->tryRead(buffer, 1, sizeof(buffer)).wait(io_.waitScope);
    read_.append(buffer, had);
    return had != 0;
  }
  static void parseHead(const std::string& head, HttpAnswer& answer) {
    answer.status = std::stoi(head.substr(head.find(' ') + 1));
    size_t at = head.find("\r\n") + 2;
    while (at < head.size()) {
      const size_t end = head.find("\r\n", at);
      const std::string line = head.substr(at, end - at);
      const size_t colon = line.find(':');
      std::string name = line.substr(0, colon);
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      answer.headers[name] = line.substr(colon + 2);
      at = end + 2;
    }
  }

  kj::AsyncIoContext& io_;
  kj::Own<kj::AsyncIoStream> stream_;
  std::string read_;  // and not yet given out
};

}  // namespace holdfast::test
