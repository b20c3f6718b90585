#include "engine/runtime/engine_socket.hpp"

#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <future>
#include <istream>
#include <thread>
#include <utility>
#include <vector>

#include "sdk/base/text.hpp"

namespace scanflow::runtime {
namespace {

namespace asio = boost::asio;
using Protocol = asio::local::stream_protocol;
using nlohmann::json;

/// What comes from programs need not be UTF-8, and must not end the thread that tells it.
std::string request_text(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

constexpr std::size_t kMostNesting = 200;
constexpr std::size_t kLongestLine = 16u << 20;   // a pipeline of 8 MiB, escaped
constexpr std::size_t kLongestQueue = 64u << 20;  // a client that reads slower than this is cut off

/// One client of the engine.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Protocol::socket socket, Engine& engine)
      : socket_(std::move(socket)), engine_(engine), input_(kLongestLine) {}

  void read() {
    asio::async_read_until(socket_, input_, '\n',
                           [self = shared_from_this()](auto error, std::size_t) {
                             if (error) return self->close();
                             std::string line;
                             std::istream stream(&self->input_);
                             std::getline(stream, line);
                             self->handle(line);
                             self->read();
                           });
  }

  void close() {
    closed_ = true;
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

  /// Takes no more requests: the engine is about to end.
  void hear_no_more() { deaf_ = true; }
  /// Closes when all that was said is sent.
  void close_after_the_last() {
    last_ = true;
    if (output_.empty()) close();
  }

 private:
  void handle(const std::string& line) {
    if (deaf_) return;
    const bool deep = nesting_of(line) > kMostNesting;
    const json request = deep ? json() : json::parse(line, nullptr, false);
    serve_request(engine_, request, client(request));
  }

  /// Its listener is called on the engine's strand.
  Client client(const json& request) {
    Client result;
    if (request.is_object()) {
      const json environment = request.value("/environment"_json_pointer, json::object());
      for (const auto& [name, value] : environment.items()) {
        if (value.is_string()) result.environment.emplace(name, value.get<std::string>());
      }
      result.watches = request.value("/watch"_json_pointer, json()) == true;
    }
    result.listener = [weak = weak_from_this(),
                       executor = socket_.get_executor()](const Update& update) {
      const auto self = weak.lock();
      if (!self) return false;
      asio::post(executor, [self, update] { self->send(*update); });
      return true;
    };
    return result;
  }

  void send(const json& update) {
    if (closed_) return;
    output_.push_back(request_text(update) + "\n");
    queued_ += output_.back().size();
    if (queued_ > kLongestQueue) return close();
    if (output_.size() == 1) write();
  }

  void write() {
    asio::async_write(socket_, asio::buffer(output_.front()),
                      [self = shared_from_this()](auto error, std::size_t) {
                        if (error) return self->close();
                        self->queued_ -= self->output_.front().size();
                        self->output_.pop_front();
                        if (!self->output_.empty()) return self->write();
                        if (self->last_) self->close();
                      });
  }

  Protocol::socket socket_;
  Engine& engine_;
  asio::streambuf input_;
  std::deque<std::string> output_;
  std::size_t queued_ = 0;
  bool closed_ = false, deaf_ = false, last_ = false;
};

/// What a client that does not read may cost the end of an engine.
constexpr std::chrono::seconds kLastWords{1};
constexpr std::chrono::milliseconds kLook{50};

void refuse(const Client& client, const std::string& message) {
  client.listener(
      std::make_shared<const json>(json{{"type", "rejected"}, {"exit", 2}, {"message", message}}));
}

/// {"method", "path", "request"}: a call of engine/track. "done" has its "answer".
void track_for(Engine& engine, const json& request, const Client& client) {
  const auto path = request.at("path").get<std::string>();
  const track::Endpoint* endpoint =
      track::find_endpoint(request.at("method").get<std::string>(), path);
  if (endpoint == nullptr) return refuse(client, "the tracker has no such call");
  engine.track(*endpoint->call, track::request_of(*endpoint, path, request.at("request")),
               [client](const auto& answer) {
                 if (!answer) return refuse(client, answer.error().message);
                 client.listener(std::make_shared<const json>(
                     json{{"type", "done"}, {"answer", json::parse(*answer)}}));
               });
}

}  // namespace

void serve_request(Engine& engine, const json& request, const Client& client) {
  try {
    const std::string op = request.is_object() ? request.value("op", "") : "";
    if (op == "submit") {
      Submission submission = submission_from_json(request.at("submission"));
      engine.submit(std::move(submission), std::nullopt, client);
    } else if (op == "attach") {
      engine.attach(request.at("run"), client);
    } else if (op == "cancel") {
      engine.cancel(request.at("run"), client);
    } else if (op == "answer") {
      Answer answer{request.at("approve"), request.value("by", ""), request.value("comment", "")};
      engine.answer(request.at("run"), request.at("step"), std::move(answer), client);
    } else if (op == "primitive") {
      engine.primitive(primitive_request_from_json(request), client);
    } else if (op == "act") {
      engine.act(action_request_from_json(request), client);
    } else if (op == "offers") {
      engine.offers(request.at("run"), request.at("step"), client);
    } else if (op == "top") {
      engine.top(client);
    } else if (op == "applications") {
      engine.applications(client);
    } else if (op == "delete") {
      engine.remove(request.at("runs"), client);
    } else if (op == "clear_cache") {
      engine.clear_cache(request.at("age_us"), client);
    } else if (op == "apply") {
      engine.apply(apply_request_from_json(request.at("request")), client);
    } else if (op == "track") {
      track_for(engine, request, client);
    } else if (op == "hand_over") {
      engine.hand_over();
    } else if (op == "remove_documents") {
      engine.remove_documents(document_names_from_json(request.at("names")), client);
    } else {
      refuse(client, "the engine's socket knows no request '" + op + "'");
    }
  } catch (const json::exception& error) {
    refuse(client, std::string("malformed request: ") + error.what());
  }
}

struct EngineSocket::Impl {
  explicit Impl(std::string socket_path) : path(std::move(socket_path)), acceptor(io) {}

  ~Impl() {
    ::unlink(path.c_str());
    if (!thread.joinable()) return;
    std::promise<void> deaf;
    asio::post(io, [&] {
      boost::system::error_code ignored;
      acceptor.close(ignored);
      ending = true;
      each_session([](Session& session) { session.hear_no_more(); });
      deaf.set_value();
    });
    // The thread answers, unless something has ended it.
    const std::future<void> heard = deaf.get_future();
    while (heard.wait_for(kLook) == std::future_status::timeout &&
           ended.wait_for(std::chrono::seconds(0)) == std::future_status::timeout) {
    }
    engine.reset();  // its listeners still find the sessions
    asio::post(io, [this] {
      each_session([](Session& session) { session.close_after_the_last(); });
      keep_alive.reset();  // the thread ends with the last of them
    });
    if (ended.wait_for(kLastWords) == std::future_status::timeout) io.stop();
    thread.join();
  }

  void accept() {
    acceptor.async_accept([this](boost::system::error_code error, Protocol::socket socket) {
      if (error || ending) return;  // ending: accepted a moment before; it asks the next engine
      std::erase_if(sessions, [](const auto& session) { return session.expired(); });
      const auto session = std::make_shared<Session>(std::move(socket), *engine);
      sessions.push_back(session);
      session->read();
      accept();
    });
  }

  template <class Call>
  void each_session(Call call) const {
    for (const auto& weak : sessions) {
      if (const auto session = weak.lock()) call(*session);
    }
  }

  void start() {
    accept();
    std::packaged_task<void()> run([this] { io.run(); });
    ended = run.get_future();
    thread = std::thread(std::move(run));
  }

  std::string path;
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> keep_alive{io.get_executor()};
  std::vector<std::weak_ptr<Session>> sessions;
  Protocol::acceptor acceptor;
  bool ending = false;  // of the thread
  std::unique_ptr<Engine> engine;
  std::future<void> ended;  // of the thread
  std::thread thread;
};

EngineSocket::EngineSocket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EngineSocket::~EngineSocket() = default;
Engine& EngineSocket::engine() { return *impl_->engine; }

Result<std::unique_ptr<EngineSocket>> EngineSocket::serve(std::unique_ptr<Engine>&& engine,
                                                          const StateDirectory& state) {
  auto impl = std::make_unique<Impl>(state.engine_socket().string());
  ::unlink(impl->path.c_str());  // of an engine that was killed: we hold its lock
  boost::system::error_code error;
  impl->acceptor.open(Protocol(), error);
  if (!error) impl->acceptor.bind(Protocol::endpoint(impl->path), error);
  if (!error) impl->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail("cannot open the engine's socket " + impl->path + ": " + error.message());
  impl->engine = std::move(engine);
  impl->start();
  return std::unique_ptr<EngineSocket>(new EngineSocket(std::move(impl)));
}

struct EngineClient::Impl {
  explicit Impl(std::shared_ptr<UpdateQueue> updates) : queue(std::move(updates)), socket(io) {}

  /// Until the connection ends.
  void read() {
    asio::streambuf input;
    boost::system::error_code error;
    while (asio::read_until(socket, input, '\n', error) > 0 && !error) {
      std::string line;
      std::istream stream(&input);
      std::getline(stream, line);
      json update = json::parse(line, nullptr, false);
      if (update.is_object() && update.value("type", json()).is_string())
        queue->push(std::make_shared<const json>(std::move(update)));
    }
    queue->push(std::make_shared<const json>(json{{"type", "closing"}}));
  }

  std::shared_ptr<UpdateQueue> queue;
  asio::io_context io;
  Protocol::socket socket;
  std::thread thread;
};

EngineClient::EngineClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<EngineClient>> EngineClient::connect(const StateDirectory& state,
                                                            std::shared_ptr<UpdateQueue> queue) {
  auto impl = std::make_unique<Impl>(std::move(queue));
  boost::system::error_code error;
  impl->socket.connect(Protocol::endpoint(state.engine_socket().string()), error);
  if (error)
    return fail("cannot reach the engine at " + state.engine_socket().string() + ": " +
                error.message());
  impl->thread = std::thread([raw = impl.get()] { raw->read(); });
  return std::unique_ptr<EngineClient>(new EngineClient(std::move(impl)));
}

EngineClient::~EngineClient() {
  ::shutdown(impl_->socket.native_handle(), SHUT_RDWR);
  impl_->thread.join();
}

Result<void> EngineClient::send(const nlohmann::json& request) {
  boost::system::error_code error;
  asio::write(impl_->socket, asio::buffer(request_text(request) + "\n"), error);
  if (error) return fail("the engine went away: " + error.message());
  return {};
}

}  // namespace scanflow::runtime
