// Every method of the schema with every role, and with tokens that are missing, wrong, bound to
// other instances, or taken away.
#include <capnp/dynamic.h>
#include <capnp/schema.h>
#include <gmock/gmock.h>
#include <stdlib.h>

#include <fstream>
#include <functional>
#include <set>

#include "access/token_file.h"
#include "core/notice.h"
#include "server_fixture.h"

namespace holdfast::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using Roles = std::set<Role>;
const Roles kForWorkers = {Role::kWorker, Role::kOperator};
const Roles kForRouters = {Role::kRouter, Role::kOperator};
const Roles kForAskers = {Role::kRouter, Role::kViewer, Role::kOperator};
const Roles kForReplicas = {Role::kReplica, Role::kOperator};
const Roles kForOperators = {Role::kOperator};

// Who may call what. docs/protocol.md tells it.
const std::map<std::string, Roles> kMayCall = {
    {"WorkerGateway.register", kForWorkers},
    {"WorkerSession.report", kForWorkers},
    {"WorkerSession.heartbeat", kForWorkers},
    {"WorkerSession.p2pLookup", kForWorkers},
    {"WorkerSession.deregister", kForWorkers},
    {"WorkerSession.fullSyncStart", kForWorkers},
    {"WorkerSession.fullSyncBatch", kForWorkers},
    {"WorkerSession.fullSyncEnd", kForWorkers},
    {"WorkerSession.fullSyncStatus", kForWorkers},
    {"Orchestrator.lookup", kForRouters},
    {"Orchestrator.queryInstance", kForAskers},
    {"Orchestrator.queryWorkers", kForAskers},
    {"Orchestrator.clear", kForOperators},
    {"Orchestrator.pin", kForOperators},
    {"Orchestrator.compress", kForOperators},
    {"Orchestrator.decompress", kForOperators},
    {"Orchestrator.move", kForOperators},
    {"Orchestrator.health", kForOperators},
    {"Orchestrator.checkFinish", kForAskers},
    {"Orchestrator.events", kForAskers},
    {"Orchestrator.pins", kForAskers},
    {"Orchestrator.lookups", kForRouters},
    {"Orchestrator.instances", kForAskers},
    {"Operator.status", kForAskers},
    {"Operator.diverged", kForAskers},
    {"Operator.forceSync", kForOperators},
    {"Operator.forget", kForOperators},
    {"Operator.drain", kForOperators},
    {"Operator.capture", kForOperators},
    {"Operator.backup", kForOperators},
    {"Operator.logLevel", kForOperators},
    {"Operator.hashing", kForAskers},
    {"Operator.replica", kForAskers},
    {"Operator.stepDown", kForOperators},
    {"Operator.copy", kForReplicas},
    {"StoreCopy.files", kForReplicas},
    {"StoreCopy.read", kForReplicas},
};

// The interfaces that calls can lead to, beginning with what a connection has.
void collect(capnp::InterfaceSchema interface, std::map<std::string, capnp::InterfaceSchema>& to) {
  if (!to.emplace(interface.getShortDisplayName().cStr(), interface).second) return;
  for (const auto method : interface.getMethods()) {
    for (const auto field : method.getResultType().getFields()) {
      if (field.getType().isInterface()) collect(field.getType().asInterface(), to);
    }
  }
}

std::map<std::string, capnp::InterfaceSchema> interfaces() {
  std::map<std::string, capnp::InterfaceSchema> all;
  collect(capnp::Schema::from<schema::Bootstrap>(), all);
  return all;
}

class AccessTest : public ServerTest {
 protected:
  struct TokenDirectory {
    TokenDirectory() {
      std::string pattern = std::filesystem::temp_directory_path() / "holdfast-tokens-XXXXXX";
      path = mkdtemp(pattern.data());
      write(tokens());
    }
    ~TokenDirectory() { std::filesystem::remove_all(path); }
    static std::vector<TokenEntry> tokens() {
      std::vector<TokenEntry> entries;
      for (const Role role : kAllRoles) {
        entries.push_back({role, std::string(nameOf(role)), hashOfToken(tokenOf(role)), {}});
      }
      entries.push_back({Role::kWorker, "bound", hashOfToken("token-bound"), {"llama-*"}});
      return entries;
    }
    void write(const std::vector<TokenEntry>& entries) {
      std::ofstream out(path / "tokens");
      for (const TokenEntry& entry : entries) out << lineOf(entry) << '\n';
    }
    std::filesystem::path path;
  };

  static constexpr std::array kAllRoles = {Role::kWorker, Role::kRouter, Role::kOperator,
                                           Role::kViewer, Role::kReplica};
  static std::string tokenOf(Role role) { return "token-" + std::string(nameOf(role)); }

  explicit AccessTest(const ServerOptions& options = {})
      : AccessTest(options, std::make_shared<TokenDirectory>()) {}

  std::unique_ptr<Peer> connectAs(Role role) {
    auto peer = connectFromNetwork();
    peer->authenticate(tokenOf(role));
    return peer;
  }
  // Calls the method with nothing in its message.
  std::string callError(capnp::Capability::Client& capability,
                        capnp::InterfaceSchema::Method method) {
    auto request = capability.typelessRequest(method.getContainingInterface().getProto().getId(),
                                              method.getOrdinal(), nullptr);
    // A struct with nothing set, as a client sends it that fills in no field.
    request.initAs<capnp::DynamicStruct>(method.getParamType());
    return errorOf(request.send());
  }
  std::string authenticateError(Peer& peer, const std::string& token) {
    auto request = peer.bootstrap().authenticateRequest();
    request.setToken(textOf(token));
    return errorOf(request.send());
  }
  uint64_t failures(AuthFailure failure) const {
    return server->services().audit.failures(failure);
  }
  WorkerState stateOf(const std::string& instance) const {
    return registry.tree().findWorker(instance, 0)->record.state;
  }

  std::shared_ptr<TokenDirectory> tokens;

 private:
  AccessTest(const ServerOptions& options, std::shared_ptr<TokenDirectory> files)
      : ServerTest(options, {}, {(files->path / "tokens").string(), false}),
        tokens(std::move(files)) {}
};

TEST_F(AccessTest, EveryMethodHasItsLineAbove) {
  std::set<std::string> methods;
  for (const auto& [name, interface] : interfaces()) {
    if (name == "Bootstrap") continue;
    for (const auto method : interface.getMethods()) {
      const std::string full = name + "." + method.getProto().getName().cStr();
      EXPECT_TRUE(kMayCall.contains(full)) << "who may call " << full << "?";
      methods.insert(full);
    }
  }
  for (const auto& [method, roles] : kMayCall) EXPECT_TRUE(methods.contains(method)) << method;
}

// The connection was an operator's first, so it has every capability; what counts is who it is now.
TEST_F(AccessTest, EveryMethodAsksForItsRole) {
  for (const Role role : kAllRoles) {
    const auto peer = connectAs(Role::kOperator);
    std::map<std::string, capnp::Capability::Client> capabilities;
    capabilities.emplace("WorkerGateway", peer->gateway());
    capabilities.emplace("Orchestrator", peer->orchestrator());
    capabilities.emplace("Operator", peer->op());
    peer->authenticate(tokenOf(role));
    for (const auto& [name, interface] : interfaces()) {
      const auto capability = capabilities.find(name);
      if (capability == capabilities.end()) continue;
      for (const auto method : interface.getMethods()) {
        const std::string full = name + "." + method.getProto().getName().cStr();
        SCOPED_TRACE(full + " as " + std::string(nameOf(role)));
        const std::string error = callError(capability->second, method);
        if (kMayCall.at(full).contains(role)) {
          EXPECT_THAT(error, Not(HasSubstr("denied:")));
          EXPECT_THAT(error, Not(HasSubstr("no such method")));
        } else {
          EXPECT_THAT(error, AllOf(HasSubstr("denied: the token '" + std::string(nameOf(role))),
                                   HasSubstr(full)));
        }
      }
    }
  }
}

TEST_F(AccessTest, NullCapabilitiesSayWhatARoleLacks) {
  for (const Role role : kAllRoles) {
    auto request = connectFromNetwork();
    auto authenticate = request->bootstrap().authenticateRequest();
    authenticate.setToken(textOf(tokenOf(role)));
    const auto granted = await(authenticate.send());
    EXPECT_EQ(granted.hasWorker(), kForWorkers.contains(role)) << nameOf(role);
    EXPECT_EQ(granted.hasOrchestrator(), kForAskers.contains(role)) << nameOf(role);
    EXPECT_EQ(granted.hasOperator(), role != Role::kWorker) << nameOf(role);
  }
}

// A session is the connection's: it ends where a later token does not include it, and its calls
// change nothing any more.
TEST_F(AccessTest, SessionsEndWithTheTokenThatGaveThem) {
  const auto session = interfaces().at("WorkerSession");
  int instances = 0;
  for (const Role role : kAllRoles) {
    for (const auto method : session.getMethods()) {
      const std::string full = std::string("WorkerSession.") + method.getProto().getName().cStr();
      SCOPED_TRACE(full + " as " + std::string(nameOf(role)));
      const std::string instance = "llama-" + std::to_string(instances++);
      const auto peer = connectAs(Role::kOperator);
      capnp::Capability::Client client = registerWorker(*peer, registration(instance));
      const SessionId before = registry.tree().findWorker(instance, 0)->session;
      peer->authenticate(tokenOf(role));
      if (kMayCall.at(full).contains(role)) {
        EXPECT_EQ(registry.tree().findWorker(instance, 0)->session, before);
        continue;
      }
      EXPECT_EQ(stateOf(instance), WorkerState::kLost);
      callError(client, method);
      settle();
      ASSERT_NE(registry.tree().findWorker(instance, 0), nullptr) << "deregistered";
      EXPECT_EQ(stateOf(instance), WorkerState::kLost);
      EXPECT_THAT(notices.last<notice::WorkerLost>().detail, HasSubstr("authenticated anew"));
    }
  }
}

TEST_F(AccessTest, WithoutTheRightTokenNothingIsGranted) {
  for (const std::string token : {"", "wrong", "token-", "TOKEN-operator"}) {
    const auto peer = connectFromNetwork();
    for (const auto& [name, interface] : interfaces()) {
      if (name == "Bootstrap" || name == "WorkerSession" || name == "StoreCopy") continue;
      // Calls that do not wait for the answer.
      auto request = peer->bootstrap().authenticateRequest();
      request.setToken(textOf(token));
      auto granted = request.send();
      capnp::Capability::Client capability =
          name == "WorkerGateway"  ? capnp::Capability::Client(granted.getWorker())
          : name == "Orchestrator" ? capnp::Capability::Client(granted.getOrchestrator())
                                   : capnp::Capability::Client(granted.getOperator());
      const auto methods = interface.getMethods();
      EXPECT_THAT(callError(capability, methods[0]), HasSubstr("unauthenticated: ")) << name;
      EXPECT_THAT(errorOf(kj::mv(granted)), HasSubstr("unauthenticated: ")) << name;
    }
  }
  EXPECT_EQ(failures(AuthFailure::kMissing), 3u);
  EXPECT_EQ(failures(AuthFailure::kUnknown), 9u);
  EXPECT_THAT(notices.last<notice::AccessRefused>().peer, StartsWith("127.0.0.1:"));
}

TEST_F(AccessTest, LocalPeersNeedNoTokenButOneThatTheySendMustBeRight) {
  const auto peer = connect();
  EXPECT_EQ(errorOf(peer->op().statusRequest().send()), "no error");
  EXPECT_THAT(authenticateError(*peer, "wrong"), HasSubstr("unauthenticated: "));
  // What was refused has changed nothing.
  EXPECT_EQ(errorOf(peer->op().statusRequest().send()), "no error");
  EXPECT_EQ(authenticateError(*peer, tokenOf(Role::kViewer)), "no error");
  EXPECT_THAT(errorOf(peer->op().forgetRequest().send()), HasSubstr("denied: "));
}

TEST_F(AccessTest, ATokenIsBoundToItsInstances) {
  const auto peer = connectFromNetwork();
  peer->authenticate("token-bound");
  const std::string refusal = errorOf(registerRequest(*peer, registration("mistral-0")).send());
  EXPECT_THAT(refusal,
              AllOf(HasSubstr("denied: "), HasSubstr("'bound'"), HasSubstr("\"mistral-0\"")));
  EXPECT_EQ(registry.tree().findInstance("mistral-0"), nullptr);
  EXPECT_EQ(failures(AuthFailure::kInstance), 1u);
  registerWorker(*peer, registration("llama-0"));
  EXPECT_EQ(stateOf("llama-0"), WorkerState::kActive);

  // An instance of another token does not stay with a connection that becomes this one's.
  const auto other = connectAs(Role::kWorker);
  registerWorker(*other, registration("mistral-0"));
  other->authenticate("token-bound");
  EXPECT_EQ(stateOf("mistral-0"), WorkerState::kLost);
}

TEST_F(AccessTest, ConnectionsOfATokenThatIsGoneOrChangedEnd) {
  const auto worker = connectAs(Role::kWorker);
  registerWorker(*worker, registration("llama-0"));
  const auto bound = connectFromNetwork();
  bound->authenticate("token-bound");
  registerWorker(*bound, registration("llama-1"));
  const auto router = connectAs(Role::kRouter);
  const auto local = connect();
  EXPECT_EQ(lookup(*local, {1}).size(), 0u);

  auto entries = TokenDirectory::tokens();
  std::erase_if(entries, [](const TokenEntry& one) { return one.name == "worker"; });
  entries.back().instances = {"llama-1"};
  tokens->write(entries);
  server->reloadTokens();
  settle();
  EXPECT_EQ(notices.last<notice::TokensRead>().tokens, 5u);
  EXPECT_EQ(notices.last<notice::TokensRead>().ended, 2u);
  EXPECT_EQ(stateOf("llama-0"), WorkerState::kLost);
  EXPECT_EQ(stateOf("llama-1"), WorkerState::kLost);
  EXPECT_THAT(whyClosed(), HasSubstr("is not in the token file any more"));
  EXPECT_EQ(server->services().connections, 2u);
  EXPECT_EQ(lookup(*router, {1}).size(), 0u);
  EXPECT_THAT(authenticateError(*connectFromNetwork(), tokenOf(Role::kWorker)),
              HasSubstr("unauthenticated: "));
}

TEST_F(AccessTest, AMalformedTokenFileEndsNobody) {
  const auto router = connectAs(Role::kRouter);
  std::ofstream(tokens->path / "tokens") << "nonsense\n";
  server->reloadTokens();
  settle();
  EXPECT_THAT(notices.last<notice::TokensNotRead>().error, HasSubstr("tokens:1: "));
  EXPECT_EQ(lookup(*router, {1}).size(), 0u);
  EXPECT_EQ(authenticateError(*connectFromNetwork(), tokenOf(Role::kViewer)), "no error");
}

TEST_F(AccessTest, AuthenticatingAgainAndAgainEndsTheConnection) {
  const auto peer = connectFromNetwork();
  for (uint32_t i = 0; i < kAuthenticationsPerConnectionMax; ++i) {
    EXPECT_EQ(authenticateError(*peer, tokenOf(Role::kViewer)), "no error");
  }
  EXPECT_NE(authenticateError(*peer, tokenOf(Role::kViewer)), "no error");
  settle();
  EXPECT_EQ(server->services().connections, 0u);
  EXPECT_THAT(whyClosed(), HasSubstr("authenticates again and again"));
}

TEST_F(AccessTest, OperatorsCallsAreToldWithTheirOutcome) {
  const auto peer = connectAs(Role::kOperator);
  registerWorker(*peer, registration("llama-0"));
  auto drain = peer->op().drainRequest();
  drain.initMessage().setInstanceId("llama-0");
  await(drain.send());
  auto told = notices.last<notice::OperatorCall>();
  EXPECT_EQ(told.who, "operator");
  EXPECT_THAT(told.peer, StartsWith("127.0.0.1:"));
  EXPECT_EQ(told.call, "Operator.drain");
  EXPECT_EQ(told.about, "instanceId=\"llama-0\"");
  EXPECT_EQ(told.error, "");

  auto forget = peer->op().forgetRequest();
  forget.initMessage().setInstanceId("none");
  forget.getMessage().setWorkerId(3);
  errorOf(forget.send());
  told = notices.last<notice::OperatorCall>();
  EXPECT_EQ(told.about, "instanceId=\"none\" workerId=3");
  EXPECT_THAT(told.error, StartsWith("unknown: "));

  auto move = peer->orchestrator().moveRequest();
  auto message = move.initMessage();
  message.initOldPosition().setInstanceId("llama-0");
  message.initNewPosition().setLocation("x\ny");
  message.initChunks().initHashes(3);
  errorOf(move.send());
  told = notices.last<notice::OperatorCall>();
  EXPECT_EQ(told.call, "Orchestrator.move");
  EXPECT_EQ(told.about, "oldPosition.instanceId=\"llama-0\" newPosition.location=\"x\\x0ay\"");
  EXPECT_NE(told.error, "");

  // Who asks needs no line, and who is local has no name.
  const size_t before = notices.count<notice::OperatorCall>();
  await(peer->op().statusRequest().send());
  EXPECT_EQ(notices.count<notice::OperatorCall>(), before);
  auto local = connect();
  auto undo = local->op().drainRequest();
  undo.initMessage().setInstanceId("llama-0");
  undo.getMessage().setUndo(true);
  await(undo.send());
  told = notices.last<notice::OperatorCall>();
  EXPECT_EQ(told.who, "");
  EXPECT_EQ(told.peer, "a client of the Unix socket");
  EXPECT_EQ(told.about, "instanceId=\"llama-0\" undo");
}

TEST_F(AccessTest, RefusalsAreToldAFewTimesAMinuteAndCounted) {
  const auto viewer = connectAs(Role::kViewer);
  for (int i = 0; i < 30; ++i) errorOf(viewer->op().forgetRequest().send());
  EXPECT_EQ(failures(AuthFailure::kDenied), 30u);
  EXPECT_EQ(notices.count<notice::AccessRefused>(), 10u);
  const auto told = notices.last<notice::AccessRefused>();
  EXPECT_EQ(told.who, "viewer");
  EXPECT_EQ(told.cause, "denied");
  EXPECT_THAT(told.reason, HasSubstr("an operator's orders (Operator.forget)"));
  EXPECT_EQ(notices.count<notice::OperatorCall>(), 0u);
}

TEST_F(AccessTest, NoticesHaveNoToken) {
  const auto peer = connectFromNetwork();
  authenticateError(*peer, "a-wrong-secret");
  peer->authenticate(tokenOf(Role::kOperator));
  errorOf(peer->op().backupRequest().send());
  tokens->write({{Role::kRouter, "r", hashOfToken("r-secret"), {}}});
  server->reloadTokens();
  settle();
  for (const auto& fields : fieldsOf(notices.all)) {
    for (const auto& [name, value] : fields) {
      EXPECT_THAT(value, Not(HasSubstr("secret"))) << name;
      EXPECT_THAT(value, Not(HasSubstr(tokenOf(Role::kOperator)))) << name;
    }
  }
  EXPECT_GE(notices.all.size(), 4u);
}

// Time enough for nobody.
class LateTest : public AccessTest {
 protected:
  LateTest() : AccessTest(hurried()) {}
  static ServerOptions hurried() {
    ServerOptions options;
    options.authenticationMs = 0;
    return options;
  }
};

TEST_F(LateTest, WhoDoesNotAuthenticateInTimeIsClosed) {
  const auto in = connectAs(Role::kViewer);
  const auto local = connect();
  const auto silent = connectFromNetwork();
  const auto spoke = connectFromNetwork();
  authenticateError(*spoke, "wrong");
  settle();
  ASSERT_EQ(server->services().connections, 4u);
  server->checkConnections();
  settle();
  EXPECT_EQ(server->services().connections, 2u);
  EXPECT_EQ(failures(AuthFailure::kLate), 2u);
  EXPECT_THAT(notices.last<notice::AccessRefused>().reason, HasSubstr("within 0 ms"));
  EXPECT_EQ(errorOf(in->op().statusRequest().send()), "no error");
  EXPECT_EQ(errorOf(local->op().statusRequest().send()), "no error");
}

TEST_F(AccessTest, WhoHasTimeLeftIsNotClosed) {
  const auto peer = connectFromNetwork();
  settle();
  server->checkConnections();
  settle();
  EXPECT_EQ(authenticateError(*peer, tokenOf(Role::kViewer)), "no error");
}

}  // namespace
}  // namespace holdfast::test
