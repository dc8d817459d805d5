#include "client/event_loop.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

#include "core/check.h"
#include "locks/flag.h"
#include "locks/mutex.h"

namespace holdfast {

uint64_t steadyNowMs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

namespace {

// KJ has the whole process ignore SIGPIPE, which is not a library's to decide. Here it is blocked
// on the loop's thread instead, so that writing to a broken connection is an error and no more.
kj::AsyncIoContext setupWithoutSignals() {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  // Two that begin at the same moment must not take each other's change for what was there before.
  static Mutex mutex;
  const MutexLock lock(mutex);
  struct sigaction before {};
  sigaction(SIGPIPE, nullptr, &before);
  KJ_DEFER(sigaction(SIGPIPE, &before, nullptr));
  return kj::setupAsyncIo();
}

}  // namespace

Result<std::unique_ptr<ClientThread>> ClientThread::create() {
  auto loop = std::make_unique<Loop>();
  if (auto wrong = loop->start()) return *std::move(wrong);
  return std::unique_ptr<ClientThread>(new ClientThread(std::move(loop)));
}

ClientThread::ClientThread(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}

ClientThread::ClientThread() : loop_(std::make_unique<Loop>()) {
  const auto wrong = loop_->start();
  HOLDFAST_CHECK(!wrong, "%s", wrong->message.c_str());
}

ClientThread::~ClientThread() {
  // The thread does not exist here, and what it had open is shared with the parent.
  if (loop_->forked()) (void)loop_.release();
}

ClientThread::Loop::Loop() : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

std::optional<Error> ClientThread::Loop::start() {
  const auto cannot = [](const std::string& why) {
    return Error{ErrorCode::kUnavailable, "cannot start a client thread: " + why};
  };
  if (wake_ < 0) return cannot(std::strerror(errno));
  std::promise<bool> started;
  std::future<bool> hasLoop = started.get_future();
  try {
    thread_ = std::thread(&Loop::serve, this, std::move(started));
  } catch (const std::system_error& error) {
    return cannot(error.code().message());
  }
  if (hasLoop.get()) return std::nullopt;
  return cannot("no file descriptor for its event loop, raise the limit of open files");
}

ClientThread::Loop::~Loop() {
  HOLDFAST_CHECK(!isCurrentThread(), "a client thread cannot end itself");
  HOLDFAST_CHECK(users == 0, "a ClientThread ends before %zu of its clients: destroy them first",
                 users.load());
  if (thread_.joinable()) {
    post([this] { ending_ = true; });
    thread_.join();
  }
  if (wake_ >= 0) close(wake_);
}

void ClientThread::Loop::post(std::function<void()> task) {
  if (forked()) return;
  bool first = false;
  {
    const MutexLock lock(mutex_);
    first = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  if (!first) return;  // whoever posted the first has woken the loop
  const uint64_t one = 1;
  // Cannot fail: the counter would have to be full, and then the loop is awake anyway.
  [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof one);
}

void ClientThread::Loop::run(const std::function<void()>& task) {
  if (forked()) return;
  HOLDFAST_CHECK(!isCurrentThread(), "this call waits for the client thread, so not from there");
  Flag done;
  post([&] {
    task();
    done.raise();
  });
  done.wait();
}

void ClientThread::Loop::serve(std::promise<bool> started) {
  std::optional<kj::AsyncIoContext> context;
  try {
    context.emplace(setupWithoutSignals());
  } catch (const kj::Exception&) {
    return started.set_value(false);
  }
  kj::AsyncIoContext& io = *context;
  kj::UnixEventPort::FdObserver observer(io.unixEventPort, wake_,
                                         kj::UnixEventPort::FdObserver::OBSERVE_READ);
  io_ = &io;
  started.set_value(true);
  std::vector<std::function<void()>> tasks;
  while (!ending_) {
    // Edge-triggered, so asked for before looking.
    kj::Promise<void> woken = observer.whenBecomesReadable();
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(wake_, &count, sizeof count);
    {
      const MutexLock lock(mutex_);
      tasks.swap(tasks_);
    }
    for (const std::function<void()>& task : tasks) task();
    tasks.clear();
    if (!ending_) woken.wait(io.waitScope);
  }
}

}  // namespace holdfast
