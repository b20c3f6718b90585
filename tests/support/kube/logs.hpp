// What containers have written, for pods/log. Of the cluster's lock.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/http/message.hpp"

namespace scanflow::test::kube {

struct LogLine {
  std::int64_t time_us = 0;  // Unix time
  std::string text;          // with its newline
};

/// "2026-07-01T03:00:00.123456000Z one" with its timestamp.
std::string shown(const LogLine& line, bool timestamps);

/// Follows a container's output from a byte on, until it ends.
class LogStream;

class Logs {
 public:
  struct Output {
    std::vector<LogLine> lines;
    bool ended = false;
    std::vector<std::weak_ptr<LogStream>> followers;
  };
  /// Of a Pod's uid and a container. Followers are told.
  void write(const std::string& uid, const std::string& container, std::int64_t time_us,
             const std::string& text);
  /// It is started again: what it has written until now is `previous`.
  void begin_again(const std::string& uid, const std::string& container);
  /// Writes a line of which followers get the first half alone: then their connections end, or stay
  /// and bring nothing more (`hangs`).
  void tear(const std::string& uid, const std::string& container, const LogLine& line, bool hangs);
  /// Followers get their end.
  void end(const std::string& uid, const std::string& container);
  Output& of(const std::string& uid, const std::string& container, bool previous = false);

 private:
  std::map<std::pair<std::string, std::string>, Output> outputs_, previous_;
};

class LogStream : public http::Stream {
 public:
  LogStream(std::recursive_mutex& lock, std::string begin, bool ended, bool timestamps)
      : lock_(lock), text_(std::move(begin)), ended_(ended), timestamps_(timestamps) {}
  void next(std::function<void(std::string)> then) override;
  void add(const LogLine& line);
  void end();
  void tear(const LogLine& line, bool hangs);

 private:
  void hand_over();
  std::recursive_mutex& lock_;
  std::string text_;
  bool ended_, hangs_ = false;
  const bool timestamps_;
  std::function<void(std::string)> then_;
};

}  // namespace scanflow::test::kube
