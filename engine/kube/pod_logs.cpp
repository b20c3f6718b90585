#include "engine/kube/pod_logs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/kube/patience.hpp"
#include "engine/kube/pod_status.hpp"
#include "sdk/base/text.hpp"
#include "sdk/base/utc.hpp"

namespace scanflow::kube {
namespace {

constexpr std::int64_t kFirstAgainUs = 50'000, kLongestAgainUs = 5'000'000;

/// One container's log, over several connections.
class LogReading {
 public:
  LogReading(Client& client, const std::string& name_space, const std::string& pod,
             const LogOptions& options, const LogLines::Take& take, const std::stop_token& stop)
      : client_(client),
        name_space_(name_space),
        pod_(pod),
        options_(options),
        stop_(stop),
        lines_([this, &take](const LogLine& line) {
          progress_ = true;
          take(line);
        }) {}

  Answer<void> run() {
    if (options_.follow) {
      if (auto begun = look(); !begun) return begun;
    }
    for (;;) {
      // Who was seen to have ended before it was asked for is read to its end.
      const bool last = ended_ || !options_.follow;
      auto over = read_once();
      if (!over && !may_pass(over.error())) {
        lines_.end();
        return over;
      }
      if (!last) {
        if (auto seen = look(); !seen && !gone_) return seen;
      }
      if (over && (last || gone_)) {
        lines_.end();
        return {};
      }
      if (gone_) {
        lines_.end();
        return over;
      }
      lines_.begin_again();
      if (!wait_for(again_us(), stop_)) return tl::unexpected(stopped_failure());
    }
  }

 private:
  static bool is_silent(const Failure& failure) {
    return failure.code == 0 && failure.why == http::NoAnswer::Why::silent;
  }
  static Failure stopped_failure() {
    return failure_of(http::NoAnswer{http::NoAnswer::Why::stopped, "", false}, "");
  }

  bool may_pass(const Failure& failure) {
    // Who is silent may have nothing to say; whoever does not answer is found out by the next connection.
    if (is_silent(failure) && options_.follow) return true;
    wait_us_ = next_try_us(failure, true, ++tried_, client_.jitter(), client_.means().repeat);
    return wait_us_.has_value();
  }
  std::int64_t again_us() {
    if (wait_us_) return *std::exchange(wait_us_, std::nullopt);
    return backoff_us(idle_++, client_.jitter(), kFirstAgainUs, kLongestAgainUs);
  }

  /// Has it ended? Of a Pod that is gone, or has another's place now, it has.
  Answer<void> look() {
    const auto pod = client_.get(kinds::kPod, name_space_, pod_, stop_);
    gone_ = !pod && pod.error().is("NotFound");
    if (!pod) return tl::unexpected(pod.error());
    const PodStatus status = read_pod_status(*pod);
    const ContainerStatus* container = status.find(options_.container);
    if (uid_.empty()) {
      uid_ = status.uid;
      restarts_ = container == nullptr ? 0 : container->restarts;
    }
    gone_ = uid_ != status.uid;
    if (container != nullptr) {
      again_started_ = container->restarts > restarts_;
      ended_ = ended_ || again_started_ || container->state == ContainerStatus::State::terminated;
    }
    return {};
  }

  Request request() const {
    const std::string since = lines_.since();
    // Of one that was started again meanwhile, the one before is meant.
    Request asked{.path = path_of(kinds::kPod, name_space_, pod_, "log"),
                  .query = {{"container", options_.container},
                            {"timestamps", "true"},
                            {"follow", options_.follow && !again_started_ ? "true" : ""},
                            {"previous", again_started_ ? "true" : ""}}};
    if (!since.empty()) {
      asked.query.emplace_back("sinceTime", since);
    } else if (options_.tail_lines) {
      asked.query.emplace_back("tailLines", std::to_string(*options_.tail_lines));
    }
    return asked;
  }

  Answer<void> read_once() {
    auto stream = client_.open_stream(request(), stop_);
    if (!stream) return tl::unexpected(stream.error());
    for (;;) {
      auto piece = (*stream)->next(stop_, options_.silence);
      if (!piece) return tl::unexpected(piece.error());
      if (piece->empty()) return {};
      progress_ = false;
      lines_.add(*piece);
      if (progress_) tried_ = idle_ = 0;
    }
  }

  Client& client_;
  const std::string& name_space_;
  const std::string& pod_;
  const LogOptions& options_;
  const std::stop_token stop_;
  LogLines lines_;
  std::string uid_;
  int restarts_ = 0;
  bool ended_ = false, gone_ = false, again_started_ = false;
  bool progress_ = false;
  int tried_ = 0;  // without success, in a row
  int idle_ = 0;   // connections that brought nothing
  std::optional<std::int64_t> wait_us_;
};

}  // namespace

Answer<void> read_log(Client& client, const std::string& name_space, const std::string& pod,
                      const LogOptions& options, const LogLines::Take& take,
                      const std::stop_token& stop) {
  return LogReading(client, name_space, pod, options, take, stop).run();
}

std::string last_words_of(Client& client, const std::string& name_space, const std::string& pod,
                          const std::string& container, std::chrono::milliseconds patience,
                          const std::stop_token& stop) {
  constexpr std::int64_t kMostLines = 20;
  constexpr std::size_t kMostBytes = 4096;
  const Patience limited(patience, stop);
  std::string words;
  const auto keep = [&](const LogLine& line) {
    words.append(line.text);
    if (!line.goes_on) words += '\n';
    if (words.size() > 2 * LogLines::kMostPiece) words.erase(0, words.size() - kMostBytes - 1);
  };
  const auto read =
      read_log(client, name_space, pod, {.container = container, .tail_lines = kMostLines}, keep,
               limited.token());
  if (!read) return "";
  while (words.ends_with('\n')) words.pop_back();
  if (words.size() > kMostBytes) {
    std::size_t begin = words.size() - kMostBytes;
    while (begin < words.size() && (static_cast<unsigned char>(words[begin]) & 0xc0) == 0x80)
      ++begin;
    words.erase(0, begin);
  }
  return valid_utf8(std::move(words));
}

}  // namespace scanflow::kube
