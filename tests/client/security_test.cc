// Tokens and files of TLS, as clients use them. Handshakes are tested with a real controller, in
// tests/daemon.
#include "client/security.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "client/controller_address.h"
#include "client_fixture.h"
#include "fake_controller.h"
#include "tests/support/scratch.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

TEST(Security, WhatDoesNotGoTogetherIsInvalid) {
  const auto wrong = [](const ClientSecurity& security) {
    const auto error = security.validate();
    return error ? error->message : "";
  };
  EXPECT_EQ(wrong({}), "");
  EXPECT_EQ(wrong({.token = "t", .tlsCa = "system"}), "");
  EXPECT_EQ(wrong({.tlsCa = "ca", .tlsCert = "c", .tlsKey = "k", .tlsServerName = "n"}), "");
  EXPECT_THAT(wrong({.token = "t", .tokenFile = "f"}), HasSubstr("give one of them"));
  EXPECT_THAT(wrong({.tlsCa = "ca", .tlsCert = "c"}), HasSubstr("give both or none"));
  EXPECT_THAT(wrong({.tlsCert = "c", .tlsKey = "k"}), HasSubstr("whom to trust"));
  EXPECT_THAT(wrong({.tlsServerName = "n"}), HasSubstr("whom to trust"));
}

TEST(Security, TheHostOfAnAddress) {
  EXPECT_EQ(hostOf("controller.example:7440"), "controller.example");
  EXPECT_EQ(hostOf("[::1]:7440"), "::1");
  EXPECT_EQ(hostOf("unix:/run/h.sock"), "");
}

// A token that is replaced is used without a restart; so is one that comes late, or is let in late.
TEST(Security, TheTokenFileIsReadForEachConnection) {
  const test::Scratch scratch;
  const std::filesystem::path file = scratch.path() / "token";
  FakeController controller;
  controller.with([](FakeController::State& state) {
    state.authenticateError = "unauthenticated: the token is not known";
  });
  ClientThread thread;
  ClientOptions options = optionsFor(controller);
  options.security.tokenFile = file.string();
  options.backoffMinMs = 1;
  options.backoffMaxMs = 10;
  Client client(thread, options);
  EXPECT_TRUE(eventually([&] {
    return client.lastError() ==
           "cannot read the token file " + file.string() + ": No such file or directory";
  })) << client.lastError();
  std::ofstream(file) << "first\n";
  EXPECT_TRUE(eventually([&] {
    return client.lastError() == "unauthenticated: the token is not known";
  })) << client.lastError();
  controller.with([](FakeController::State& state) { state.authenticateError.clear(); });
  EXPECT_TRUE(reaches(client, ClientState::kRegistered));
  controller.with([](FakeController::State& state) { EXPECT_EQ(state.token, "first"); });
  std::ofstream(file) << "second\n";
  controller.cutConnections();
  EXPECT_TRUE(eventually([&] {
    return controller.with([](FakeController::State& state) { return state.token == "second"; });
  }));
}

}  // namespace
}  // namespace holdfast
