#include "tests/support/kube/logs.hpp"

#include <utility>

#include "sdk/base/utc.hpp"

namespace scanflow::test::kube {
namespace {

void each_follower(Logs::Output& output, const std::function<void(LogStream&)>& tell) {
  for (const auto& weak : output.followers) {
    if (const auto follower = weak.lock()) tell(*follower);
  }
  std::erase_if(output.followers, [](const auto& weak) { return weak.expired(); });
}

}  // namespace

std::string shown(const LogLine& line, bool timestamps) {
  if (!timestamps) return line.text;
  std::string time = utc_text_us(line.time_us);
  time.insert(time.size() - 1, "000");  // nanoseconds
  return time + " " + line.text;
}

Logs::Output& Logs::of(const std::string& uid, const std::string& container, bool previous) {
  return (previous ? previous_ : outputs_)[{uid, container}];
}

void Logs::begin_again(const std::string& uid, const std::string& container) {
  previous_[{uid, container}] = std::exchange(of(uid, container), {});
}

void Logs::tear(const std::string& uid, const std::string& container, const LogLine& line,
                bool hangs) {
  Output& output = of(uid, container);
  output.lines.push_back(line);
  each_follower(output, [&](LogStream& follower) { follower.tear(line, hangs); });
  output.followers.clear();
}

void Logs::write(const std::string& uid, const std::string& container, std::int64_t time_us,
                 const std::string& text) {
  Output& output = of(uid, container);
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t newline = text.find('\n', begin);
    const std::size_t end = newline == std::string::npos ? text.size() : newline + 1;
    const LogLine& line =
        output.lines.emplace_back(LogLine{time_us, text.substr(begin, end - begin)});
    each_follower(output, [&](LogStream& follower) { follower.add(line); });
    begin = end;
  }
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

void LogStream::add(const LogLine& line) {
  text_ += shown(line, timestamps_);
  hand_over();
}

void LogStream::end() {
  ended_ = true;
  hand_over();
}

void LogStream::tear(const LogLine& line, bool hangs) {
  const std::string whole = shown(line, timestamps_);
  text_ += whole.substr(0, whole.size() / 2);
  ended_ = true;
  hangs_ = hangs;
  hand_over();
}

void LogStream::hand_over() {
  if (!then_ || (text_.empty() && !ended_)) return;
  if (text_.empty() && hangs_) return;
  std::exchange(then_, nullptr)(std::exchange(text_, {}));
}

}  // namespace scanflow::test::kube
