#include "tests/support/kube/logs.hpp"

#include <utility>

namespace scanflow::test::kube {
namespace {

void each_follower(Logs::Output& output, const std::function<void(LogStream&)>& tell) {
  for (const auto& weak : output.followers) {
    if (const auto follower = weak.lock()) tell(*follower);
  }
  std::erase_if(output.followers, [](const auto& weak) { return weak.expired(); });
}

}  // namespace

Logs::Output& Logs::of(const std::string& uid, const std::string& container) {
  return outputs_[{uid, container}];
}

void Logs::write(const std::string& uid, const std::string& container, std::int64_t time_s,
                 const std::string& text) {
  Output& output = of(uid, container);
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t newline = text.find('\n', begin);
    const std::size_t end = newline == std::string::npos ? text.size() : newline + 1;
    output.lines.push_back({time_s, text.substr(begin, end - begin)});
    begin = end;
  }
  each_follower(output, [&](LogStream& follower) { follower.add(text); });
}

void Logs::end(const std::string& uid, const std::string& container) {
  Output& output = of(uid, container);
  output.ended = true;
  each_follower(output, [](LogStream& follower) { follower.end(); });
}

void LogStream::next(std::function<void(std::string)> then) {
  const std::lock_guard lock(lock_);
  then_ = std::move(then);
  hand_over();
}

void LogStream::add(const std::string& text) {
  text_ += text;
  hand_over();
}

void LogStream::end() {
  ended_ = true;
  hand_over();
}

void LogStream::hand_over() {
  if (!then_ || (text_.empty() && !ended_)) return;
  std::exchange(then_, nullptr)(std::exchange(text_, {}));
}

}  // namespace scanflow::test::kube
