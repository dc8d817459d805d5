#include "server_fixture.h"

#include <unistd.h>

#include <algorithm>
#include <map>

#include "tests/support/rpc_messages.h"
#include "wire/reader_options.h"

namespace holdfast::test {

void append(Bytes& to, capnp::MallocMessageBuilder& message) {
  const std::string bytes = bytesOf(message);
  to.insert(to.end(), bytes.begin(), bytes.end());
}

Bytes greeting() {
  const std::string text = bootstrapMessage() + authenticateMessage(1);
  return {text.begin(), text.end()};
}

kj::Promise<void> RecordingWorker::pause(PauseContext context) {
  calls_.push_back("pause: " + std::string(viewOf(context.getParams().getReason())));
  return kj::READY_NOW;
}

kj::Promise<void> RecordingWorker::resume(ResumeContext) {
  calls_.push_back("resume");
  return kj::READY_NOW;
}

kj::Promise<void> RecordingWorker::superseded(SupersededContext context) {
  calls_.push_back("superseded: " + std::string(viewOf(context.getParams().getReason())));
  return kj::READY_NOW;
}

Peer::Peer(kj::AsyncIoContext& io, const std::string& address)
    : io_(io),
      stream_(io.provider->getNetwork()
                  .parseAddress(address.c_str())
                  .wait(io.waitScope)
                  ->connect()
                  .wait(io.waitScope)) {
  network_ = std::make_unique<capnp::TwoPartyVatNetwork>(
      *stream_, capnp::rpc::twoparty::Side::CLIENT, readerOptions());
  rpc_ = std::make_unique<capnp::RpcSystem<capnp::rpc::twoparty::VatId>>(
      capnp::makeRpcClient(*network_));
}

schema::Bootstrap::Client Peer::bootstrap() {
  capnp::MallocMessageBuilder message;
  auto vat = message.initRoot<capnp::rpc::twoparty::VatId>();
  vat.setSide(capnp::rpc::twoparty::Side::SERVER);
  return rpc_->bootstrap(vat).castAs<schema::Bootstrap>();
}

void Peer::authenticate(const std::string& token) {
  auto request = bootstrap().authenticateRequest();
  request.setToken(textOf(token));
  granted_ = std::make_unique<Grants>(request.send().wait(io_.waitScope));
}

Peer::Grants& Peer::granted() {
  if (granted_ == nullptr) authenticate({});
  return *granted_;
}

schema::WorkerGateway::Client Peer::gateway() {
  return granted().getWorker();
}

schema::Orchestrator::Client Peer::orchestrator() {
  return granted().getOrchestrator();
}

schema::Operator::Client Peer::op() {
  return granted().getOperator();
}

namespace {

std::filesystem::path newDirectory() {
  std::string pattern = std::filesystem::temp_directory_path() / "holdfast-rpc-XXXXXX";
  return mkdtemp(pattern.data());
}

}  // namespace

ServerTest::ServerTest(const ServerOptions& options, const ControllerOptions& core,
                       const AccessControl::Options& tokens)
    : io(kj::setupAsyncIo()),
      directory(newDirectory()),
      address("unix:" + (directory / "s").string()),
      controller(
          core, clock, store, [this]() { return ++drawn; }, notices),
      registry(controller.registry()),
      access(AccessControl::open(tokens).value()),
      turns(io.lowLevelProvider->getTimer()) {
  ProcessFacts facts{.version = "1.2.3",
                     .clusterId = "c0ffee",
                     .recoveryMs = 7,
                     .recovery = controller.recovered(),
                     .uptimeMs = []() { return uint64_t{5}; },
                     .residentBytes = {},
                     .diskBytes = {},
                     .storeQueueBytes = {},
                     .captureOn = {},
                     .captureOff = {},
                     .backup = {},
                     .hashing = &doctor,
                     .group = &group};
  // Time does not pass while a test drives the loop, so nobody may wait for it, unless a test wants
  // just that.
  ServerOptions unpaced = options;
  if (options.crowdIntervalUs == ServerOptions().crowdIntervalUs) unpaced.crowdIntervalUs = 0;
  server = std::make_unique<Server>(unpaced, std::move(facts), controller, store, notices, access,
                                    turns, io.unixEventPort);
  const auto names = server->listen(address);
  EXPECT_TRUE(names.ok());
}

ServerTest::~ServerTest() noexcept {
  server.reset();
  std::filesystem::remove_all(directory);
}

std::unique_ptr<Peer> ServerTest::connectFromNetwork() {
  if (networkAddress_.empty()) {
    const auto names = server->listen("0.0.0.0:0");
    EXPECT_TRUE(names.ok());
    const std::string name = names.value().front();
    networkAddress_ = "127.0.0.1" + name.substr(name.rfind(':'));
  }
  return std::make_unique<Peer>(io, networkAddress_);
}

kj::Own<kj::AsyncIoStream> ServerTest::connectRaw() {
  return io.provider->getNetwork()
      .parseAddress(address.c_str())
      .wait(io.waitScope)
      ->connect()
      .wait(io.waitScope);
}

void ServerTest::commit() {
  store.complete();
  store.poll(controller);
  server->storePolled();
}

void ServerTest::settle() {
  // Each poll of the sockets may bring something that leads to something to be sent.
  for (int i = 0; i < 50; ++i) {
    kj::Promise<void>(kj::NEVER_DONE).poll(io.waitScope);
    commit();
  }
}

Registration ServerTest::registration(std::string instance, uint32_t worker) const {
  return {.instance = std::move(instance),
          .worker = worker,
          .ip = "10.0.0.1",
          .port = 7000,
          .peerUrl = "peer:" + std::to_string(worker),
          .model = "",
          .worldSize = 0,
          .run = 1,
          .attempt = 1,
          .locations = {{.location = "gpu",
                         .incarnation = kIncarnation,
                         .beganEmpty = true,
                         .lastSeq = 0,
                         .count = 0,
                         .digest = {},
                         .replayableFrom = 1}}};
}

ServerTest::RegisterRequest ServerTest::registerRequest(Peer& peer,
                                                        const Registration& registration) {
  auto request = peer.gateway().registerRequest();
  write(registration, request.initInfo());
  request.setWorker(kj::heap<RecordingWorker>(workerCalls));
  return request;
}

schema::WorkerSession::Client ServerTest::registerWorker(Peer& peer,
                                                         const Registration& registration) {
  return await(registerRequest(peer, registration).send()).getSession();
}

kj::Promise<void> ServerTest::report(schema::WorkerSession::Client& session,
                                     const std::string& location, uint64_t incarnation,
                                     uint64_t firstSeq, const std::vector<uint64_t>& keys,
                                     const std::vector<uint8_t>& evicts) {
  auto request = session.reportRequest();
  auto message = request.initMessage();
  message.setLocation(textOf(location));
  message.setIncarnation(incarnation);
  message.setFirstSeq(firstSeq);
  message.setKeys(kj::arrayPtr(keys.data(), keys.size()));
  if (!evicts.empty()) message.setEvicts(kj::arrayPtr(evicts.data(), evicts.size()));
  return request.send();
}

std::map<std::string, uint32_t> ServerTest::lookup(Peer& peer,
                                                   const std::vector<uint64_t>& hashes) {
  auto request = peer.orchestrator().lookupRequest();
  request.initMessage().setHashes(kj::arrayPtr(hashes.data(), hashes.size()));
  const auto response = await(request.send());
  std::map<std::string, uint32_t> found;
  for (const auto layout : response.getAnswer().getLayoutInfo()) {
    found[std::string(viewOf(layout.getInstanceId()))] = layout.getMatchedChunks();
  }
  return found;
}

Location& ServerTest::location(const std::string& instance, uint32_t worker,
                               const std::string& name) {
  return *registry.tree().findWorker(instance, worker)->find(name);
}

}  // namespace holdfast::test
