#include "sidecar/protocol/stream.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace scanflow::protocol {
namespace {

class Pair {
 public:
  Pair() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()), 0); }
  ~Pair() {
    close(0);
    close(1);
  }
  int operator[](std::size_t i) const { return ends_[i]; }
  void close(std::size_t i) {
    if (ends_[i] >= 0) ::close(ends_[i]);
    ends_[i] = -1;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

std::string frame(const std::string& message) {
  Progress progress;
  progress.message = message;
  std::string bytes;
  append_frame({{}, progress}, bytes);
  return bytes;
}

TEST(FrameReader, CutsWhatArrivesByteByByte) {
  const std::string bytes = frame("one") + frame("two");
  FrameReader reader;
  std::vector<std::string> messages;
  for (const char byte : bytes) {
    reader.append({&byte, 1});
    for (auto next = reader.next(); next && *next; next = reader.next()) {
      messages.push_back(std::get<Progress>((*decode(**next))->body).message);
    }
  }
  EXPECT_EQ(messages, (std::vector<std::string>{"one", "two"}));
  EXPECT_TRUE(reader.empty());
}

TEST(FrameReader, RefusesAFrameOverTheBoundBeforeItArrives) {
  FrameReader reader;
  reader.append(std::string_view("\xff\xff\xff\x7f", 4));
  const auto next = reader.next();
  ASSERT_FALSE(next);
  EXPECT_NE(next.error().message.find("over the limit of 16777216"), std::string::npos);
}

TEST(Stream, NumbersAndAcknowledges) {
  Pair pair;
  Stream left("left"), right;
  left.queue(Shutdown{});
  left.queue(Shutdown{});
  EXPECT_EQ(left.flush(pair[0]), Flow::open);
  EXPECT_EQ(right.fill(pair[1]), Flow::open);
  EXPECT_EQ((*right.next())->header.seq, 1u);
  const auto second = *right.next();
  EXPECT_EQ(second->header.seq, 2u);
  EXPECT_EQ(second->header.boot_id, "left");
  right.queue(Shutdown{});
  right.flush(pair[1]);
  left.fill(pair[0]);
  EXPECT_EQ((*left.next())->header.ack, 2u);
}

TEST(Stream, KeepsWhatTheSocketDoesNotTake) {
  Pair pair;
  Stream writer, reader;
  constexpr int kCount = 64;
  for (int i = 0; i < kCount; ++i) {
    Ended ended;
    ended.result.outputs = std::string(100'000, 'x');
    writer.queue(ended);
  }
  writer.flush(pair[0]);
  EXPECT_TRUE(writer.pending());
  int got = 0;
  while (got < kCount) {
    ASSERT_EQ(reader.fill(pair[1]), Flow::open);
    for (auto next = reader.next(); next && *next; next = reader.next()) ++got;
    ASSERT_EQ(writer.flush(pair[0]), Flow::open);
  }
  EXPECT_FALSE(writer.pending());
}

TEST(Stream, WhatArrivedBeforeTheEndIsStillRead) {
  Pair pair;
  Stream writer, reader;
  writer.queue(Shutdown{});
  writer.flush(pair[0]);
  pair.close(0);
  auto message = receive(pair[1], reader);
  ASSERT_TRUE(message && *message);
  message = receive(pair[1], reader);
  ASSERT_TRUE(message);
  EXPECT_FALSE(*message);
}

TEST(Stream, BytesThatCameAnotherWayGoBeforeThoseOfTheSocket) {
  Pair pair;
  std::string first;
  append_frame({{}, Cancel{{}, "first"}}, first);
  Stream writer, reader;
  writer.queue(Cancel{{}, "second"});
  writer.flush(pair[0]);
  reader.feed(first.substr(0, 5));
  EXPECT_FALSE(*reader.next());
  reader.feed(first.substr(5));
  for (const char* reason : {"first", "second"}) {
    const auto message = receive(pair[1], reader);
    ASSERT_TRUE(message && *message);
    EXPECT_EQ(std::get<Cancel>((*message)->body).reason, reason);
  }
}

TEST(Stream, BlockingSendWaitsForAReader) {
  Pair pair;
  Stream writer, reader;
  Ended ended;
  ended.result.outputs = std::string(3'000'000, 'x');
  std::thread sender([&] { EXPECT_TRUE(send(pair[0], writer, ended)); });
  const auto message = receive(pair[1], reader);
  sender.join();
  ASSERT_TRUE(message && *message);
  EXPECT_EQ(std::get<Ended>((*message)->body).result.outputs.size(), 3'000'000u);
}

TEST(Stream, AClosedReaderIsAnError) {
  Pair pair;
  pair.close(1);
  Stream writer;
  EXPECT_FALSE(send(pair[0], writer, Shutdown{}));
}

}  // namespace
}  // namespace scanflow::protocol
