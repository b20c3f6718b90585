// Steering attempts through the supervisor's door: plugins, and programs at $SCANFLOW_SOCKET.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "sdk/base/unique_fd.hpp"
#include "sdk/base/unix_socket.hpp"
#include "sidecar/protocol/stream.hpp"
#include "tests/support/program.hpp"

namespace scanflow::worker {
namespace {

using nlohmann::json;
using namespace std::string_literals;

/// What speaks with the supervisor.
class Peer {
 public:
  void send(protocol::Body body) {
    EXPECT_TRUE(protocol::send(fd_.get(), stream_, std::move(body)));
  }
  /// The next of that kind; others before it are left out.
  template <class T>
  T next() {
    for (;;) {
      auto message = protocol::receive(fd_.get(), stream_);
      if (!message || !*message) throw std::runtime_error("the supervisor is gone");
      if (auto* body = std::get_if<T>(&(*message)->body)) return std::move(*body);
    }
  }

 protected:
  Peer() = default;
  UniqueFd fd_;
  protocol::Stream stream_;
};

/// An engine, as far as the supervisor can tell.
class Engine : public Peer {
 public:
  explicit Engine(const std::filesystem::path& socket) {
    test::eventually([&] {
      auto fd = connect_to(socket);
      if (fd) fd_ = std::move(*fd);
      return fd.has_value();
    });
    protocol::Hello hello;
    hello.role = "engine";
    send(hello);
    next<protocol::Hello>();
  }
};

/// A sidecar, as far as the supervisor can tell: one that listens already needs not be started.
class Sidecar : public Peer {
 public:
  explicit Sidecar(const std::filesystem::path& socket)
      : listener_(listen_at(socket.string() + ".sidecar").value()) {}

  /// The supervisor's connection; the one before it is closed.
  void accept() {
    fd_.reset();
    stream_ = protocol::Stream();
    test::eventually([&] {
      fd_ = UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      return static_cast<bool>(fd_);
    });
    next<protocol::Hello>();
  }
  /// Its outcome and value.
  std::pair<std::string, json> ask(const protocol::AttemptId& id, const std::string& name,
                                   const json& arguments = json::object()) {
    send(protocol::StepCommand{id, ++calls_, name, arguments.dump()});
    const auto answer = next<protocol::StepAnswer>();
    EXPECT_EQ(answer.call, calls_);
    return {answer.outcome, json::parse(answer.value)};
  }

 private:
  UniqueFd listener_;
  std::uint64_t calls_ = 0;
};

class SupervisorCommands : public testing::Test {
 protected:
  SupervisorCommands() {
    engine_.send(protocol::Observe{"ipc:///nobody/is/there"});
    sidecar_.accept();
  }
  protocol::Request request(const std::string& uses, const json& config = json::object()) const {
    protocol::Request request;
    request.id = {"run", "step", 1};
    request.uses = uses;
    if (uses != "command") request.library = SCANFLOW_BEHAVE_PLUGIN;
    request.config = config.dump();
    request.log_dir = (files_ / "logs").string();
    request.grace_us = 20'000'000;
    return request;
  }
  std::pair<std::string, json> failed(const std::string& why) const {
    return {"FAILED", {{"message", why}}};
  }

  test::TempDir files_;
  test::Program supervisor_{{std::string(SCANFLOW_BINARY_DIR) + "/bin/scanflow-worker", "supervise",
                             "--socket", (files_ / "s").string(), "--work",
                             (files_ / "work").string(), "--log", (files_ / "log").string()}};
  Engine engine_{files_ / "s"};
  Sidecar sidecar_{files_ / "s"};
  const protocol::AttemptId id_{"run", "step", 1};
};

TEST_F(SupervisorCommands, APluginIsSteered) {
  engine_.send(protocol::Launch{request("test.steered")});
  const auto offers = json::parse(sidecar_.next<protocol::Offers>().commands);
  EXPECT_EQ(offers[0]["name"], "pause");
  EXPECT_EQ(offers[2]["schema"]["properties"]["rate"]["exclusiveMinimum"], 0);
  EXPECT_EQ(sidecar_.ask(id_, "pause").second, json({{"paused", true}}));
  EXPECT_EQ(sidecar_.ask(id_, "set_param", {{"rate", 4}}).second, json({{"rate", 4.0}}));
  EXPECT_EQ(sidecar_.ask(id_, "set_param", {{"rate", 0}}).first, "FAILED");
  const auto unknown = sidecar_.ask(id_, "explode");
  EXPECT_EQ(unknown.first, "UNSUPPORTED");
  EXPECT_EQ(unknown.second["offers"].size(), 7U);
  EXPECT_EQ(sidecar_.ask(id_, "resume").first, "DONE");
  EXPECT_EQ(sidecar_.ask(id_, "stop_early").first, "DONE");
  const auto result = engine_.next<protocol::Ended>().result;
  EXPECT_EQ(result.status, "succeeded") << result.message;
  EXPECT_EQ(json::parse(result.outputs)["rate"], 4.0);
  EXPECT_EQ(sidecar_.ask(id_, "pause"), failed("the attempt has ended"));
}

TEST_F(SupervisorCommands, AnAttemptThatIsNotThereSaysSo) {
  EXPECT_EQ(sidecar_.ask({"run", "nobody", 3}, "pause"),
            failed("there is no attempt 3 of nobody here"));
}

TEST_F(SupervisorCommands, AStepWithoutCommandsSaysSo) {
  engine_.send(protocol::Launch{request("test.hang")});
  engine_.next<protocol::Metric>();
  EXPECT_EQ(sidecar_.ask(id_, "pause").first, "UNSUPPORTED");
}

TEST_F(SupervisorCommands, ASlowCommandDoesNotHoldUpACancel) {
  engine_.send(protocol::Launch{request("test.steered")});
  sidecar_.next<protocol::Offers>();
  sidecar_.send(protocol::StepCommand{id_, 1, "stall", "{}"});
  engine_.next<protocol::Metric>();
  sidecar_.send(protocol::StepCommand{id_, 2, "pause", "{}"});
  engine_.send(protocol::Cancel{id_, "cancelled"});
  EXPECT_EQ(sidecar_.next<protocol::StepAnswer>().value, R"({"message":"stopped stalling"})");
  EXPECT_EQ(sidecar_.next<protocol::StepAnswer>().call, 2U);
  EXPECT_EQ(engine_.next<protocol::Ended>().result.status, "cancelled");
}

TEST_F(SupervisorCommands, AProcessThatDiesMeanwhileFailsWhatItWasAsked) {
  engine_.send(protocol::Launch{request("test.steered")});
  sidecar_.next<protocol::Offers>();
  EXPECT_EQ(sidecar_.ask(id_, "die"), failed("the attempt ended before it answered"));
  EXPECT_EQ(engine_.next<protocol::Ended>().result.cause, "crash");
}

TEST_F(SupervisorCommands, ASidecarThatComesLaterHearsOnlyOfItsOwn) {
  engine_.send(protocol::Launch{request("test.steered")});
  sidecar_.next<protocol::Offers>();
  sidecar_.send(protocol::StepCommand{id_, 1, "stall", "{}"});
  engine_.next<protocol::Metric>();
  sidecar_.accept();
  EXPECT_EQ(sidecar_.next<protocol::Started>().id, id_);
  EXPECT_NE(sidecar_.next<protocol::Offers>().commands, "[]");
  sidecar_.send(protocol::StepCommand{id_, 1, "pause", "{}"});
  engine_.send(protocol::Cancel{id_, "cancelled"});
  EXPECT_NE(sidecar_.next<protocol::StepAnswer>().value, R"({"message":"stopped stalling"})");
}

TEST_F(SupervisorCommands, ASidecarIsToldOfAttemptsThatLastAndOfTheirEnd) {
  auto asked = request("command", {{"argv", {"sleep", "0.6"}}});
  asked.memory_limit = 1 << 30;
  asked.steering = R"({"liveness":"30s"})";
  engine_.send(protocol::Launch{asked});
  const auto started = sidecar_.next<protocol::Started>();
  EXPECT_EQ(started.id, id_);
  EXPECT_GT(started.pid, 1);
  EXPECT_EQ(started.memory_limit, 1U << 30);
  EXPECT_EQ(started.steering, asked.steering);
  EXPECT_EQ(sidecar_.next<protocol::Ended>().result.status, "succeeded");
  EXPECT_EQ(engine_.next<protocol::Ended>().result.status, "succeeded");
}

TEST_F(SupervisorCommands, AFailureIsToldWithWhatTheSidecarKnows) {
  engine_.send(protocol::Launch{
      request("command", {{"argv", {"sh", "-c", "echo one; echo two; sleep 0.6; exit 3"}}})});
  sidecar_.next<protocol::Started>();
  auto result = sidecar_.next<protocol::Ended>().result;
  EXPECT_EQ(result.post_mortem, R"({"last_lines":["one","two"]})");
  result.post_mortem = R"({"summary":"as expected"})";
  sidecar_.send(protocol::Ended{result});
  const auto told = engine_.next<protocol::Ended>().result;
  EXPECT_EQ(told.exit_code, 3);
  EXPECT_EQ(told.post_mortem, R"({"summary":"as expected"})");
}

TEST_F(SupervisorCommands, AFailureDoesNotWaitLongForASidecarThatSaysNothing) {
  engine_.send(protocol::Launch{
      request("command", {{"argv", {"sh", "-c", "echo one; sleep 0.6; exit 3"}}})});
  sidecar_.next<protocol::Started>();
  sidecar_.next<protocol::Ended>();
  EXPECT_EQ(engine_.next<protocol::Ended>().result.post_mortem, R"({"last_lines":["one"]})");
}

TEST_F(SupervisorCommands, AHookRunsBesideTheAttemptAndWritesToItsLog) {
  auto asked = request("command", {{"argv", {"sleep", "60"}}});
  asked.env["FLAVOUR"] = "mint";
  engine_.send(protocol::Launch{asked});
  sidecar_.next<protocol::Started>();
  const json argv = {{"argv", {"sh", "-c", "echo $FLAVOUR of $SCANFLOW_STEP; exit ${1:-0}"}}};
  EXPECT_EQ(sidecar_.ask(id_, "$run", argv), std::pair("DONE"s, json{{"exit_code", 0}}));
  EXPECT_EQ(sidecar_.ask(id_, "$run", {{"argv", {"sh", "-c", "exit 3"}}}).first, "FAILED");
  EXPECT_EQ(sidecar_.ask(id_, "$run", {{"argv", {"/no/such/program"}}}).first, "FAILED");
  EXPECT_EQ(sidecar_.ask(id_, "$run", {{"argv", json::array()}}).first, "FAILED");
  sidecar_.send(protocol::StepCommand{id_, 77, "$run", R"({"argv": ["sleep", "60"]})"});
  engine_.send(protocol::Cancel{id_, "cancelled"});
  EXPECT_EQ(engine_.next<protocol::Ended>().result.status, "cancelled");
  EXPECT_EQ(sidecar_.next<protocol::StepAnswer>().outcome, "FAILED");
  EXPECT_EQ(test::read(files_ / "logs" / "0.log"), "mint of step\n");
}

TEST_F(SupervisorCommands, AStepThatIsNotToBeWatchedIsNotAnnounced) {
  auto hidden = request("command", {{"argv", {"sleep", "0.5"}}});
  hidden.steering.clear();
  engine_.send(protocol::Launch{hidden});
  auto seen = request("command", {{"argv", {"sleep", "0.6"}}});
  seen.id.step = "seen";
  engine_.send(protocol::Launch{seen});
  EXPECT_EQ(sidecar_.next<protocol::Started>().id.step, "seen");
}

TEST_F(SupervisorCommands, WhatOnlyALauncherOfPodsCanDoIsUnsupported) {
  engine_.send(protocol::Launch{request("test.steered")});
  sidecar_.next<protocol::Offers>();
  EXPECT_EQ(sidecar_.ask(id_, "$restart").first, "UNSUPPORTED");
}

TEST_F(SupervisorCommands, AnAnswerKeepsSecrets) {
  auto secret = request("test.steered");
  secret.secrets["TOKEN"] = "sesame-open";
  engine_.send(protocol::Launch{secret});
  sidecar_.next<protocol::Offers>();
  EXPECT_EQ(sidecar_.ask(id_, "leak").second, json({{"token", "***"}}));
}

constexpr const char* kProgram = R"(
import time, scanflow
rate = 1.0
stop = False

@scanflow.command
def set_param(rate: float):
    "changes the rate"
    if rate <= 0: raise ValueError("a rate is above 0")
    globals().update(rate=rate)
    return {"rate": rate}

@scanflow.command(at_once=True)
def stop_early():
    global stop
    stop = True

scanflow.pausable()
scanflow.progress(0.5, "half")
while not stop:
    scanflow.safe_point()
    time.sleep(0.001)
scanflow.output("rate", rate)
)";

class SteeredProgram : public SupervisorCommands {
 protected:
  protocol::Request python(const std::string& text) const {
    auto asked = request("command", {{"argv", {"python3", "-c", text}}});
    asked.env["PYTHONDONTWRITEBYTECODE"] = "1";
    return asked;
  }
  /// Until it offers so many.
  json offered(std::size_t count) {
    for (;;) {
      auto offers = json::parse(sidecar_.next<protocol::Offers>().commands);
      if (offers.size() == count) return offers;
    }
  }
};

TEST_F(SteeredProgram, IsToldAndAnswers) {
  engine_.send(protocol::Launch{python(kProgram)});
  const auto offers = offered(4);
  EXPECT_EQ(offers[0]["name"], "set_param");
  EXPECT_EQ(offers[0]["summary"], "changes the rate");
  EXPECT_EQ(engine_.next<protocol::Progress>().message, "half");
  EXPECT_EQ(sidecar_.ask(id_, "pause").second, json({{"paused", true}}));
  EXPECT_EQ(sidecar_.ask(id_, "set_param", {{"rate", 2.5}}).second, json({{"rate", 2.5}}));
  EXPECT_EQ(sidecar_.ask(id_, "set_param", {{"rate", -1}}),
            failed("ValueError: a rate is above 0"));
  EXPECT_EQ(sidecar_.ask(id_, "set_param").first, "FAILED");
  EXPECT_EQ(sidecar_.ask(id_, "explode").first, "UNSUPPORTED");
  EXPECT_EQ(sidecar_.ask(id_, "resume").first, "DONE");
  EXPECT_EQ(sidecar_.ask(id_, "stop_early").first, "DONE");
  const auto result = engine_.next<protocol::Ended>().result;
  EXPECT_EQ(result.status, "succeeded") << result.message;
  EXPECT_EQ(result.outputs, R"({"rate":2.5})");
}

TEST_F(SteeredProgram, WritesCheckpointsThatAnotherAttemptFinds) {
  auto asked = python(R"(
import os, scanflow, signal, time
last = scanflow.last_checkpoint()
epoch = int(open(last).read()) if last else 0
@scanflow.checkpoint
def save(path):
    if epoch > 5: raise OSError("the disk is full")
    with open(path, "w") as file: file.write(str(epoch))
    return {"epoch": epoch}
@scanflow.command
def learn():
    globals().update(epoch=epoch + 1)
    return {"epoch": epoch, "saved": save()["bytes"] if epoch == 2 else 0}
@scanflow.command
def crash(): os.kill(os.getpid(), signal.SIGKILL)
while True:
    scanflow.safe_point()
    time.sleep(0.001)
)");
  asked.checkpoints = (files_ / "kept/run/step").string();
  engine_.send(protocol::Launch{asked});
  offered(3);
  EXPECT_EQ(sidecar_.ask(id_, "learn").second, (json{{"epoch", 1}, {"saved", 0}}));
  const auto [outcome, value] = sidecar_.ask(id_, "checkpoint");
  EXPECT_EQ(outcome, "DONE");
  const std::string place = asked.checkpoints + "/checkpoint";
  EXPECT_EQ(value, (json{{"path", place},
                         {"bytes", 1},
                         {"epoch", 1},
                         {"sha256",
                          "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875"
                          "b4b"}}));
  EXPECT_EQ(test::read(place), "1");
  EXPECT_EQ(sidecar_.ask(id_, "learn").second, (json{{"epoch", 2}, {"saved", 1}}));
  sidecar_.ask(id_, "learn");
  EXPECT_EQ(sidecar_.ask(id_, "crash").first, "FAILED");
  EXPECT_EQ(engine_.next<protocol::Ended>().result.cause, "crash");

  const protocol::AttemptId again{"run", "step", 2};
  asked.id = again;
  engine_.send(protocol::Launch{asked});
  offered(3);
  EXPECT_EQ(sidecar_.ask(again, "learn").second["epoch"], 3) << "that of epoch 2 was the last";
  for (int i = 0; i < 3; ++i) sidecar_.ask(again, "learn");
  EXPECT_EQ(sidecar_.ask(again, "checkpoint"), failed("OSError: the disk is full"));
  EXPECT_EQ(test::read(place), "2") << "what was there stays";
  sidecar_.ask(again, "crash");
}

TEST_F(SteeredProgram, HasAPlaceForCheckpointsAlsoByHand) {
  auto asked = python(R"(
import os, scanflow
assert scanflow.last_checkpoint() is None
assert scanflow.checkpoint_dir() == "checkpoints" and os.path.isdir("checkpoints")
@scanflow.checkpoint
def save(path): open(path, "w").close()
assert save()["path"] == scanflow.last_checkpoint() == "checkpoints/checkpoint"
)");
  asked.cwd = files_.path().string();
  engine_.send(protocol::Launch{asked});
  const auto result = engine_.next<protocol::Ended>().result;
  EXPECT_EQ(result.status, "succeeded") << result.message;
}

TEST_F(SteeredProgram, OneThatEndsMeanwhileFailsWhatItWasAsked) {
  engine_.send(protocol::Launch{python(R"(
import os, time, scanflow
@scanflow.command(at_once=True)
def leave(): os._exit(3)
time.sleep(60)
)")});
  offered(1);
  const auto answer = sidecar_.ask(id_, "leave");
  EXPECT_EQ(answer.first, "FAILED");
  EXPECT_EQ(engine_.next<protocol::Ended>().result.exit_code, 3);
}

TEST_F(SteeredProgram, GarbageIsToldInItsLog) {
  engine_.send(protocol::Launch{python(R"(
import os, socket
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["SCANFLOW_SOCKET"])
s.sendall(b'{"metric": {"name": "loss", "value": 0.5, "step": 2}}\nGET / HTTP/1.1\n')
assert s.recv(1) == b""
)")});
  EXPECT_EQ(engine_.next<protocol::Metric>().name, "loss");
  const auto result = engine_.next<protocol::Ended>().result;
  EXPECT_EQ(result.status, "succeeded") << result.message;
  EXPECT_EQ(test::read(files_ / "logs" / "0.log"),
            "scanflow: $SCANFLOW_SOCKET: not JSON: GET / HTTP/1.1; the connection was closed\n");
}

TEST_F(SteeredProgram, WhatItSaidLastIsHeard) {
  engine_.send(protocol::Launch{python(R"(
import os, socket
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["SCANFLOW_SOCKET"])
s.sendall(b'{"metric": {"name": "m", "value": 1}}\n' * 5000)
)")});
  for (std::uint64_t i = 1; i <= 5000; ++i) ASSERT_EQ(engine_.next<protocol::Metric>().number, i);
  EXPECT_EQ(engine_.next<protocol::Ended>().result.status, "succeeded");
}

}  // namespace
}  // namespace scanflow::worker
