#include "engine/http/server.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <charconv>
#include <cstring>
#include <utility>

#include "engine/http/server_impl.hpp"

namespace scanflow::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Generic = asio::generic::stream_protocol;
using boost::system::error_code;

/// All addresses of this machine, where no host is said.
constexpr const char* kAnywhere = "[::]";

/// `anywhere`: not on this machine alone.
Result<tcp::endpoint> endpoint_of(const std::string& address, bool anywhere) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, std::min(colon, address.size()));
  if (anywhere && colon == 0) host = kAnywhere;
  std::uint16_t port = 0;
  const char* const end = address.data() + address.size();
  const char* const digits = colon == std::string::npos ? end : address.data() + colon + 1;
  const auto [rest, problem] = std::from_chars(digits, end, port);
  const bool bare = host.find(':') != std::string::npos && !host.starts_with('[');  // ::1:8443
  if (bare || host.empty() || problem != std::errc() || rest != end)
    return fail(fmt::format("'{}' is no address to listen on: {} or {} is one", address,
                            anywhere ? "0.0.0.0:8443" : "127.0.0.1:8420",
                            anywhere ? "[::]:8443" : "[::1]:8420"));
  if (!anywhere && !is_loopback_host(host)) {
    return fail(fmt::format(
        "{} is not an address of this machine's own: the server knows no users yet, so it listens "
        "on 127.0.0.1, [::1] or localhost only (from elsewhere: ssh -L {}:127.0.0.1:{} HOST)",
        host, port, port));
  }
  if (host == "localhost") host = "127.0.0.1";
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  error_code error;
  const auto parsed = asio::ip::make_address(host, error);
  if (error) return fail(fmt::format("'{}' is no address: {}", host, error.message()));
  return tcp::endpoint(parsed, port);
}

std::string name_of(const tcp::endpoint& endpoint) {
  return endpoint.address().is_v6()
             ? fmt::format("[{}]:{}", endpoint.address().to_string(), endpoint.port())
             : fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
}

tcp::endpoint as_tcp(const Generic::endpoint& generic) {
  tcp::endpoint endpoint;
  endpoint.resize(generic.size());
  std::memcpy(endpoint.data(), generic.data(), generic.size());
  return endpoint;
}

constexpr std::string_view kUnix = "unix:";

}  // namespace

std::string wrong_address(const std::string& address, bool tls) {
  const auto endpoint = endpoint_of(address, tls);
  return endpoint ? "" : endpoint.error().message;
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;
const std::string& Server::address() const { return impl_->address; }
void Server::post(std::function<void()> call) { asio::post(impl_->io, std::move(call)); }
void Server::post_at(std::chrono::steady_clock::time_point time, std::function<void()> call) {
  const auto timer = std::make_shared<asio::steady_timer>(impl_->io, time);
  timer->async_wait([timer, call = std::move(call)](error_code error) {
    if (!error) call();
  });
}
void Server::start(Handler handler, Admit admit) {
  impl_->start(std::move(handler), std::move(admit));
}
void Server::answer_last() { impl_->serving.last = true; }
void Server::hear_no_more() { impl_->hear_no_more(); }

Result<std::unique_ptr<Server>> Server::listen_locally(const std::string& address,
                                                       Options options) {
  const std::string path = address.substr(kUnix.size());
  auto impl = std::make_unique<Impl>(std::move(options));
  impl->serving.local = true;
  impl->address = address;
  error_code error;
  try {
    const asio::local::stream_protocol::endpoint endpoint(path);
    ::unlink(path.c_str());
    impl->acceptor.open(Generic(endpoint.protocol()), error);
    if (!error) impl->acceptor.bind(Generic::endpoint(endpoint), error);
    if (!error) impl->acceptor.listen(asio::socket_base::max_listen_connections, error);
  } catch (const boost::system::system_error& too_long) {
    error = too_long.code();
  }
  if (error) return fail(fmt::format("cannot listen on {}: {}", address, error.message()));
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Result<std::unique_ptr<Server>> Server::listen(const std::string& address, Options options) {
  if (address.starts_with(kUnix)) return listen_locally(address, std::move(options));
  const bool tls = options.certificate != nullptr;
  auto endpoint = endpoint_of(address, tls || options.open);
  if (!endpoint) return tl::unexpected(endpoint.error());
  auto impl = std::make_unique<Impl>(std::move(options));
  error_code error;
  impl->acceptor.open(Generic(endpoint->protocol()), error);
  if (error == asio::error::address_family_not_supported && address.starts_with(':')) {
    *endpoint = tcp::endpoint(tcp::v4(), endpoint->port());  // a machine without IPv6
    impl->acceptor.open(Generic(endpoint->protocol()), error);
  }
  if (!error) impl->acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error && address.starts_with(':') && endpoint->address().is_v6())
    impl->acceptor.set_option(asio::ip::v6_only(false), error);
  if (!error) impl->acceptor.bind(Generic::endpoint(*endpoint), error);
  if (!error) impl->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return fail(fmt::format("cannot listen on {}: {} (--listen {}:0 takes a port that is free)",
                            address, error.message(), tls ? "" : "127.0.0.1"));
  }
  impl->address = name_of(as_tcp(impl->acceptor.local_endpoint(error)));
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

}  // namespace scanflow::http
