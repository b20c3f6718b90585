#include "sidecar/protocol/codec.hpp"

#include <gtest/gtest.h>

#include <random>

#include "sidecar/protocol/stream.hpp"

namespace scanflow::protocol {
namespace {

Request full_request() {
  Request request;
  request.id = {"run-1", "train[model=cnn1]", 2};
  request.pipeline = "mnist";
  request.uses = "torch.train";
  request.library = "/lib/torch.so";
  request.config = R"({"epochs":2})";
  request.inputs.push_back({"dataset", "/data", std::string(64, 'a'), 1234, true});
  request.env = {{"A", "1"}, {"B", ""}};
  request.threads = 3;
  request.memory_limit = 1ull << 40;
  request.grace_us = 7;
  request.cwd = "/work";
  request.log_dir = "/logs";
  request.secrets = {{"TOKEN", "hunter22"}};
  request.log_limit = 1u << 20;
  return request;
}

std::string bytes_of(Body body, std::uint64_t seq = 5) {
  Message message;
  message.header.boot_id = "boot";
  message.header.seq = seq;
  message.header.t_mono_us = -3;
  message.body = std::move(body);
  std::string bytes;
  encode(message, bytes);
  return bytes;
}

template <class T>
T round_trip(const T& body) {
  const auto message = decode(bytes_of(body));
  EXPECT_TRUE(message) << (message ? "" : message.error().message);
  EXPECT_TRUE(message && *message);
  EXPECT_EQ((*message)->header.type, type_of<T>());
  EXPECT_EQ((*message)->header.seq, 5u);
  EXPECT_EQ((*message)->header.t_mono_us, -3);
  return std::get<T>((*message)->body);
}

TEST(Codec, ARequestKeepsEveryField) {
  const Request sent = full_request();
  const Request got = round_trip(Launch{sent}).request;
  EXPECT_EQ(got.id, sent.id);
  EXPECT_EQ(got.pipeline, sent.pipeline);
  EXPECT_EQ(got.uses, sent.uses);
  EXPECT_EQ(got.library, sent.library);
  EXPECT_EQ(got.config, sent.config);
  ASSERT_EQ(got.inputs.size(), 1u);
  EXPECT_EQ(got.inputs[0].name, "dataset");
  EXPECT_EQ(got.inputs[0].bytes, 1234u);
  EXPECT_TRUE(got.inputs[0].directory);
  EXPECT_EQ(got.env, sent.env);
  EXPECT_EQ(got.threads, 3u);
  EXPECT_EQ(got.memory_limit, 1ull << 40);
  EXPECT_EQ(got.grace_us, 7);
  EXPECT_EQ(got.cwd, "/work");
  EXPECT_EQ(got.log_dir, "/logs");
  EXPECT_EQ(got.secrets, sent.secrets);
  EXPECT_EQ(got.log_limit, sent.log_limit);
}

TEST(Codec, AResultKeepsWhatMatters) {
  Result sent;
  sent.id = {"r", "s", 1};
  sent.status = "failed";
  sent.cause = "crash";
  sent.message = "killed by SIGSEGV";
  sent.exit_code = -1;
  sent.signal = 11;
  sent.artifacts.push_back({"model", "/m", false});
  sent.log = {"0.log", 10, 20};
  sent.max_rss = 99;
  const Result got = round_trip(Ended{sent}).result;
  EXPECT_EQ(got.cause, "crash");
  EXPECT_EQ(got.exit_code, -1);
  EXPECT_EQ(got.signal, 11);
  EXPECT_EQ(got.artifacts.at(0).path, "/m");
  EXPECT_EQ(got.log.offset, 10u);
  EXPECT_EQ(got.max_rss, 99u);
}

TEST(Codec, NumbersTextAndLabelsSurvive) {
  Metric sent;
  sent.value = -0.125;
  sent.step = -5;
  sent.labels = {{"split", "tr\xC3\xA4in"}};
  sent.logged = false;
  const Metric got = round_trip(sent);
  EXPECT_EQ(got.value, -0.125);
  EXPECT_EQ(got.step, -5);
  EXPECT_EQ(got.labels, sent.labels);
  EXPECT_FALSE(got.logged);
}

TEST(Codec, CommandsToAStepSurvive) {
  const Offers offers = round_trip(Offers{{"r", "s", 1}, R"([{"name":"checkpoint"}])"});
  EXPECT_EQ(offers.commands, R"([{"name":"checkpoint"}])");
  const StepCommand command =
      round_trip(StepCommand{{"r", "s", 1}, 7, "set_param", R"({"name":"lr","value":0.1})"});
  EXPECT_EQ(command.call, 7u);
  EXPECT_EQ(command.name, "set_param");
  EXPECT_EQ(command.arguments, R"({"name":"lr","value":0.1})");
  const StepAnswer answer = round_trip(StepAnswer{{"r", "s", 1}, 7, "FAILED", "no such parameter"});
  EXPECT_EQ(answer.outcome, "FAILED");
  EXPECT_EQ(answer.value, "no such parameter");
}

TEST(Codec, EmptyBodiesHaveTheirTypes) { round_trip(Shutdown{}); }

// Messages as another version would write them, in msgpack by hand: 0x9N is an array of N elements,
// 0xaN a string of N bytes, small integers are themselves.

TEST(Codec, MissingElementsKeepTheirDefaults) {
  const std::string hello(
      "\x92\x93\x01\x00\x00\x91\xa6"
      "engine",
      13);
  const auto message = decode(hello);
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(std::get<Hello>((*message)->body).role, "engine");
  EXPECT_EQ(std::get<Hello>((*message)->body).pid, 0);
}

TEST(Codec, TrailingElementsAreIgnored) {
  const std::string reject("\x93\x93\x01\x05\x01\x96\xa2no\x01\x01\xc0\x90\xa3new\x07", 18);
  const auto message = decode(reject);
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(std::get<Reject>((*message)->body).reason, "no");
}

TEST(Codec, AnUnknownTypeIsSkipped) {
  const std::string bytes("\x92\x93\x01\x00\x7f\x90", 6);
  const auto message = decode(bytes);
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_FALSE(*message);
}

TEST(Codec, AnotherMajorVersionIsNamed) {
  const std::string bytes("\x92\x93\x02\x00\x00\x90", 6);
  const auto message = decode(bytes);
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().message, "the other side speaks protocol version 2, this one 1");
  EXPECT_EQ(decode_header(bytes)->major, 2u);
}

TEST(Codec, AWrongTypeNamesMessageAndElement) {
  // A Started whose pid is a string.
  const std::string bytes("\x92\x93\x01\x00\x03\x92\x93\xa1r\xa1s\x01\xa1x", 14);
  const auto message = decode(bytes);
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().message,
            "malformed message: Started, element 1: not an integer of its kind");
}

TEST(Codec, NumbersOutOfRangeAreRefused) {
  // pid = 2^32
  const std::string bytes("\x92\x93\x01\x00\x03\x92\x93\xa1r\xa1s\x01\xcf\0\0\0\1\0\0\0\0", 21);
  const auto message = decode(bytes);
  ASSERT_FALSE(message);
  EXPECT_NE(message.error().message.find("a number out of range"), std::string::npos);
}

TEST(Codec, DepthAndCountsAreBounded) {
  std::string deep(1000, '\x91');
  EXPECT_FALSE(decode(deep + '\x00'));
  // An array that claims 2^31 elements, a string that claims 2^31 bytes.
  EXPECT_FALSE(decode(std::string("\xdd\x80\0\0\0", 5)));
  EXPECT_FALSE(decode(std::string("\x92\xdb\x80\0\0\0", 6)));
}

TEST(Codec, EveryTruncationIsAnError) {
  const std::string bytes = bytes_of(Launch{full_request()});
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(decode(std::string_view(bytes).substr(0, n))) << n;
  }
}

TEST(Codec, RandomBytesNeverThrow) {
  std::mt19937 random(7);
  const std::string good = bytes_of(Launch{full_request()});
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good;
    const int changes = static_cast<int>(random() % 4) + 1;
    for (int k = 0; k < changes; ++k) bytes[random() % bytes.size()] = static_cast<char>(random());
    EXPECT_NO_THROW({ [[maybe_unused]] const auto message = decode(bytes); });
  }
}

}  // namespace
}  // namespace scanflow::protocol
