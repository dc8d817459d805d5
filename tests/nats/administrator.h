// What an operator could do with the stream.
#pragma once

#include <gtest/gtest.h>
#include <nats/nats.h>

#include <string>

#include "replication/nats/nats_options.h"

namespace holdfast::test {

// The servers run.
class Administrator {
 public:
  explicit Administrator(const replication::NatsOptions& options) {
    EXPECT_EQ(natsConnection_ConnectTo(&connection_, options.servers.front().c_str()), NATS_OK);
    EXPECT_EQ(natsConnection_JetStream(&js_, connection_, nullptr), NATS_OK);
  }
  ~Administrator() {
    jsCtx_Destroy(js_);
    natsConnection_Destroy(connection_);
  }
  Administrator(const Administrator&) = delete;
  Administrator& operator=(const Administrator&) = delete;

  bool isThere() { return js_GetStreamInfo(nullptr, js_, kStream, nullptr, nullptr) == NATS_OK; }
  void remove() { EXPECT_EQ(js_DeleteStream(js_, kStream, nullptr, nullptr), NATS_OK); }
  void make(const std::string& subject, bool denyDelete) {
    const char* const subjects[] = {subject.c_str()};
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = kStream;
    config.Subjects = const_cast<const char**>(subjects);
    config.SubjectsLen = 1;
    config.DenyDelete = config.DenyPurge = denyDelete;
    EXPECT_EQ(js_AddStream(nullptr, js_, &config, nullptr, nullptr), NATS_OK);
  }
  // Of a stream that lets it.
  void removeRecord(uint64_t sequence) {
    EXPECT_EQ(js_DeleteMsg(js_, kStream, sequence, nullptr, nullptr), NATS_OK);
  }

 private:
  static constexpr const char* kStream = "HF-test-0";
  natsConnection* connection_ = nullptr;
  jsCtx* js_ = nullptr;
};

}  // namespace holdfast::test
