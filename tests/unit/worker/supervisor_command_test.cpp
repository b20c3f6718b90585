// Steering attempts through the supervisor's door: plugins, and programs at $SCANFLOW_SOCKET.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "engine/worker/unique_fd.hpp"
#include "sidecar/protocol/stream.hpp"
#include "tests/support/program.hpp"

namespace scanflow::worker {
namespace {

using nlohmann::json;

/// An engine, as far as the supervisor can tell.
class Engine {
 public:
  explicit Engine(const std::filesystem::path& socket) {
    test::eventually([&] {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      std::strcpy(address.sun_path, socket.c_str());
      fd_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      return ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    });
    protocol::Hello hello;
    hello.role = "engine";
    send(hello);
    next<protocol::Hello>();
  }
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
  /// Its outcome and value.
  std::pair<std::string, json> ask(const protocol::AttemptId& id, const std::string& name,
                                   const json& arguments = json::object()) {
    send(protocol::StepCommand{id, ++calls_, name, arguments.dump()});
    const auto answer = next<protocol::StepAnswer>();
    EXPECT_EQ(answer.call, calls_);
    return {answer.outcome, json::parse(answer.value)};
  }

 private:
  UniqueFd fd_;
  protocol::Stream stream_;
  std::uint64_t calls_ = 0;
};

class SupervisorCommands : public testing::Test {
 protected:
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
  const protocol::AttemptId id_{"run", "step", 1};
};

TEST_F(SupervisorCommands, APluginIsSteered) {
  engine_.send(protocol::Launch{request("test.steered")});
  const auto offers = json::parse(engine_.next<protocol::Offers>().commands);
  EXPECT_EQ(offers[0]["name"], "pause");
  EXPECT_EQ(offers[2]["schema"]["properties"]["rate"]["exclusiveMinimum"], 0);
  EXPECT_EQ(engine_.ask(id_, "pause").second, json({{"paused", true}}));
  EXPECT_EQ(engine_.ask(id_, "set_param", {{"rate", 4}}).second, json({{"rate", 4.0}}));
  EXPECT_EQ(engine_.ask(id_, "set_param", {{"rate", 0}}).first, "FAILED");
  const auto unknown = engine_.ask(id_, "explode");
  EXPECT_EQ(unknown.first, "UNSUPPORTED");
  EXPECT_EQ(unknown.second["offers"].size(), 7U);
  EXPECT_EQ(engine_.ask(id_, "resume").first, "DONE");
  EXPECT_EQ(engine_.ask(id_, "stop_early").first, "DONE");
  const auto result = engine_.next<protocol::Ended>().result;
  EXPECT_EQ(result.status, "succeeded") << result.message;
  EXPECT_EQ(json::parse(result.outputs)["rate"], 4.0);
  EXPECT_EQ(engine_.ask(id_, "pause"), failed("the attempt has ended"));
}

TEST_F(SupervisorCommands, AnAttemptThatIsNotThereSaysSo) {
  EXPECT_EQ(engine_.ask({"run", "nobody", 3}, "pause"),
            failed("there is no attempt 3 of nobody here"));
}

TEST_F(SupervisorCommands, AStepWithoutCommandsSaysSo) {
  engine_.send(protocol::Launch{request("test.hang")});
  engine_.next<protocol::Metric>();
  EXPECT_EQ(engine_.ask(id_, "pause").first, "UNSUPPORTED");
}

TEST_F(SupervisorCommands, ASlowCommandDoesNotHoldUpACancel) {
  engine_.send(protocol::Launch{request("test.steered")});
  engine_.next<protocol::Offers>();
  engine_.send(protocol::StepCommand{id_, 1, "stall", "{}"});
  engine_.next<protocol::Metric>();
  engine_.send(protocol::StepCommand{id_, 2, "pause", "{}"});
  engine_.send(protocol::Cancel{id_, "cancelled"});
  EXPECT_EQ(engine_.next<protocol::StepAnswer>().value, R"({"message":"stopped stalling"})");
  EXPECT_EQ(engine_.next<protocol::StepAnswer>().call, 2U);
  EXPECT_EQ(engine_.next<protocol::Ended>().result.status, "cancelled");
}

TEST_F(SupervisorCommands, AProcessThatDiesMeanwhileFailsWhatItWasAsked) {
  engine_.send(protocol::Launch{request("test.steered")});
  engine_.next<protocol::Offers>();
  EXPECT_EQ(engine_.ask(id_, "die"), failed("the attempt ended before it answered"));
  EXPECT_EQ(engine_.next<protocol::Ended>().result.cause, "crash");
}

TEST_F(SupervisorCommands, AnEngineThatComesLaterHearsOnlyOfItsOwn) {
  engine_.send(protocol::Launch{request("test.steered")});
  engine_.next<protocol::Offers>();
  engine_.send(protocol::StepCommand{id_, 1, "stall", "{}"});
  engine_.next<protocol::Metric>();
  Engine next(files_ / "s");
  next.send(protocol::Launch{request("test.steered")});
  EXPECT_NE(next.next<protocol::Offers>().commands, "[]");
  next.send(protocol::StepCommand{id_, 1, "pause", "{}"});
  next.send(protocol::Cancel{id_, "cancelled"});
  EXPECT_NE(next.next<protocol::StepAnswer>().value, R"({"message":"stopped stalling"})");
}

TEST_F(SupervisorCommands, AnAnswerKeepsSecrets) {
  auto secret = request("test.steered");
  secret.secrets["TOKEN"] = "sesame-open";
  engine_.send(protocol::Launch{secret});
  engine_.next<protocol::Offers>();
  EXPECT_EQ(engine_.ask(id_, "leak").second, json({{"token", "***"}}));
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
      auto offers = json::parse(engine_.next<protocol::Offers>().commands);
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
  EXPECT_EQ(engine_.ask(id_, "pause").second, json({{"paused", true}}));
  EXPECT_EQ(engine_.ask(id_, "set_param", {{"rate", 2.5}}).second, json({{"rate", 2.5}}));
  EXPECT_EQ(engine_.ask(id_, "set_param", {{"rate", -1}}), failed("ValueError: a rate is above 0"));
  EXPECT_EQ(engine_.ask(id_, "set_param").first, "FAILED");
  EXPECT_EQ(engine_.ask(id_, "explode").first, "UNSUPPORTED");
  EXPECT_EQ(engine_.ask(id_, "resume").first, "DONE");
  EXPECT_EQ(engine_.ask(id_, "stop_early").first, "DONE");
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
  EXPECT_EQ(engine_.ask(id_, "learn").second, (json{{"epoch", 1}, {"saved", 0}}));
  const auto [outcome, value] = engine_.ask(id_, "checkpoint");
  EXPECT_EQ(outcome, "DONE");
  const std::string place = asked.checkpoints + "/checkpoint";
  EXPECT_EQ(value, (json{{"path", place},
                         {"bytes", 1},
                         {"epoch", 1},
                         {"sha256",
                          "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875"
                          "b4b"}}));
  EXPECT_EQ(test::read(place), "1");
  EXPECT_EQ(engine_.ask(id_, "learn").second, (json{{"epoch", 2}, {"saved", 1}}));
  engine_.ask(id_, "learn");
  EXPECT_EQ(engine_.ask(id_, "crash").first, "FAILED");
  EXPECT_EQ(engine_.next<protocol::Ended>().result.cause, "crash");

  const protocol::AttemptId again{"run", "step", 2};
  asked.id = again;
  engine_.send(protocol::Launch{asked});
  offered(3);
  EXPECT_EQ(engine_.ask(again, "learn").second["epoch"], 3) << "that of epoch 2 was the last";
  for (int i = 0; i < 3; ++i) engine_.ask(again, "learn");
  EXPECT_EQ(engine_.ask(again, "checkpoint"), failed("OSError: the disk is full"));
  EXPECT_EQ(test::read(place), "2") << "what was there stays";
  engine_.ask(again, "crash");
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
  const auto answer = engine_.ask(id_, "leave");
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
