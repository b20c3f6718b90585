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
  std::int64_t time_s = 0;  // Unix time
  std::string text;         // with its newline
};

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
  void write(const std::string& uid, const std::string& container, std::int64_t time_s,
             const std::string& text);
  /// Followers get their end.
  void end(const std::string& uid, const std::string& container);
  Output& of(const std::string& uid, const std::string& container);

 private:
  std::map<std::pair<std::string, std::string>, Output> outputs_;
};

class LogStream : public http::Stream {
 public:
  LogStream(std::recursive_mutex& lock, std::string begin, bool ended)
      : lock_(lock), text_(std::move(begin)), ended_(ended) {}
  void next(std::function<void(std::string)> then) override;
  void add(const std::string& text);
  void end();

 private:
  void hand_over();
  std::recursive_mutex& lock_;
  std::string text_;
  bool ended_;
  std::function<void(std::string)> then_;
};

}  // namespace scanflow::test::kube
