// What tests of the link between sidecar and hub share: a spool in memory, and messages made and read.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sidecar/link/session.hpp"
#include "sidecar/protocol/codec.hpp"

namespace scanflow::test {

/// A spool that outlives its sidecar, as a file does.
class MemoryOutbox : public link::Outbox {
 public:
  explicit MemoryOutbox(std::string spool) : spool_(std::move(spool)) {}

  const std::string& spool() const override { return spool_; }
  std::uint64_t first() const override { return first_; }
  std::uint64_t end() const override { return first_ + messages_.size(); }
  std::string read(std::uint64_t number) override { return messages_.at(number - first_); }
  void forget(std::uint64_t number) override {
    for (; first_ <= number && !messages_.empty(); ++first_) messages_.erase(messages_.begin());
  }
  void add(protocol::Body body) {
    protocol::Message message;
    message.body = std::move(body);
    protocol::encode(message, messages_.emplace_back());
  }

 private:
  std::string spool_;
  std::uint64_t first_ = 1;
  std::vector<std::string> messages_;
};

inline std::string encoded(protocol::Header header, protocol::Body body) {
  std::string bytes;
  protocol::encode({std::move(header), std::move(body)}, bytes);
  return bytes;
}

inline protocol::Message decoded(const std::string& bytes) {
  const auto message = protocol::decode(bytes);
  EXPECT_TRUE(message && *message) << (message ? "of an unknown type" : message.error().message);
  return message && *message ? **message : protocol::Message();
}

/// The messages of one type among those that were sent.
template <typename T>
std::vector<T> all_of(const std::vector<std::string>& sent) {
  std::vector<T> found;
  for (const std::string& bytes : sent) {
    const protocol::Message message = decoded(bytes);
    if (const T* body = std::get_if<T>(&message.body)) found.push_back(*body);
  }
  return found;
}

}  // namespace scanflow::test
