#include "sidecar/admin/admin.hpp"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

namespace scanflow::sidecar {
namespace {

// A probe is small and fast.
constexpr ev_ssize_t kMostHeader = 8192, kMostBody = 1024;
constexpr int kPatienceS = 10;
constexpr int kOk = 200, kNotFound = 404, kNotAllowed = 405, kUnavailable = 503;

struct FreeHttp {
  void operator()(evhttp* http) const { ::evhttp_free(http); }
};

void answer(evhttp_request* request, int status, std::string_view text,
            const char* type = "text/plain; charset=utf-8") {
  ::evhttp_add_header(::evhttp_request_get_output_headers(request), "Content-Type", type);
  ::evbuffer_add(::evhttp_request_get_output_buffer(request), text.data(), text.size());
  ::evhttp_send_reply(request, status, nullptr, nullptr);
}

std::string port_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "?";
  const in_port_t port = address.ss_family == AF_INET6
                             ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                             : reinterpret_cast<sockaddr_in*>(&address)->sin_port;
  return std::to_string(ntohs(port));
}

}  // namespace

struct Admin::Impl {
  Answers answers;
  std::unique_ptr<evhttp, FreeHttp> http;
  std::string address;

  void serve(evhttp_request* request) const;
};

void Admin::Impl::serve(evhttp_request* request) const {
  const char* path = ::evhttp_uri_get_path(::evhttp_request_get_evhttp_uri(request));
  const std::string_view asked = path == nullptr ? "" : path;
  const auto method = ::evhttp_request_get_command(request);
  const bool posts = asked == "/shutdown" && answers.shutdown;
  if (asked != "/ready" && asked != "/live" && asked != "/metrics" && !posts) {
    return answer(request, kNotFound,
                  "there is /ready, /live and /metrics, and POST /shutdown where it is enabled\n");
  }
  if ((method == EVHTTP_REQ_POST) != posts) {
    ::evhttp_add_header(::evhttp_request_get_output_headers(request), "Allow",
                        posts ? "POST" : "GET, HEAD");
    return answer(request, kNotAllowed, "not with this method\n");
  }
  if (posts) {
    answer(request, kOk, "it ends\n");
    return answers.shutdown();
  }
  if (asked == "/metrics")
    return answer(request, kOk, answers.metrics(), "text/plain; version=0.0.4; charset=utf-8");
  if (asked == "/live") return answer(request, kOk, "live\n");
  answers.ready() ? answer(request, kOk, "ready\n") : answer(request, kUnavailable, "not ready\n");
}

Result<std::unique_ptr<Admin>> Admin::open(Loop& loop, const std::string& address,
                                           Answers answers) {
  const std::size_t colon = address.rfind(':');
  const std::string host = colon == std::string::npos ? "" : address.substr(0, colon);
  std::uint16_t port = 0;
  const char* begin = address.data() + (colon == std::string::npos ? address.size() : colon + 1);
  const char* end = address.data() + address.size();
  const auto [stop, problem] = std::from_chars(begin, end, port);
  if (host.empty() || problem != std::errc() || stop != end)
    return fail(fmt::format("'{}' is no address with a port, such as 127.0.0.1:4191", address));
  auto impl = std::make_unique<Impl>();
  impl->answers = std::move(answers);
  impl->http.reset(::evhttp_new(loop.base()));
  evhttp* http = impl->http.get();
  ::evhttp_set_max_headers_size(http, kMostHeader);
  ::evhttp_set_max_body_size(http, kMostBody);
  ::evhttp_set_timeout(http, kPatienceS);
  ::evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST);
  ::evhttp_set_gencb(
      http,
      [](evhttp_request* request, void* inside) { static_cast<Impl*>(inside)->serve(request); },
      impl.get());
  const std::string bare =
      host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host;
  evhttp_bound_socket* bound = ::evhttp_bind_socket_with_handle(http, bare.c_str(), port);
  if (bound == nullptr)
    return fail(fmt::format("cannot listen at {}: {}", address, std::strerror(errno)));
  impl->address = host + ":" + port_of(::evhttp_bound_socket_get_fd(bound));
  return std::unique_ptr<Admin>(new Admin(std::move(impl)));
}

Admin::Admin(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Admin::~Admin() = default;
const std::string& Admin::address() const { return impl_->address; }

}  // namespace scanflow::sidecar
