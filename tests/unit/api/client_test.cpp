// What a client says of a server that is away, hangs, breaks off, or is none of ours.
#include "engine/api/client.hpp"

#include <gmock/gmock.h>

#include <thread>

#include "engine/api/remote_engine.hpp"
#include "tests/support/mute_server.hpp"

namespace scanflow::api {
namespace {

using namespace std::chrono_literals;
using test::MuteServer;
using testing::AllOf;
using testing::HasSubstr;

constexpr ClientLimits kShort{.connect = 200ms, .silence = 200ms};
const std::string kHeader = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

HttpClient client_of(const std::string& url) { return *HttpClient::to(url, kShort); }

std::string problem_of(const std::string& url, const HttpClient::Ask& ask = {.target = "/x?y=z"}) {
  const auto answer = client_of(url).json_of(ask);
  EXPECT_FALSE(answer);
  if (answer) return answer->dump();
  EXPECT_EQ(answer.error().exit, 3);
  return answer.error().message;
}

TEST(Client, OneThatIsNotThereIsSaidAndHowToStartIt) {
  std::string url;
  {
    const MuteServer gone;
    url = gone.url();
  }
  EXPECT_THAT(problem_of(url),
              AllOf(HasSubstr("cannot reach the server at " + url), HasSubstr("refused"),
                    HasSubstr("scanflow server"), HasSubstr("$SCANFLOW_SERVER")));
}

TEST(Client, OneThatTakesNoConnectionIsGivenUp) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(fd, 0), 0);
  ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  std::vector<int> waiting;  // they fill the queue of those who are not accepted
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    (void)::connect(waiting.back(), reinterpret_cast<sockaddr*>(&address), size);
  }
  EXPECT_THAT(problem_of("http://127.0.0.1:" + std::to_string(ntohs(address.sin_port))),
              HasSubstr("no connection within 0.2 s"));
  for (const int each : waiting) ::close(each);
  ::close(fd);
}

TEST(Client, OneThatHangsIsGivenUpWhereverItDoes) {
  const MuteServer silent;
  EXPECT_THAT(problem_of(silent.url()),
              AllOf(HasSubstr("the server at " + silent.url() + " (GET /x) has said nothing"),
                    HasSubstr("for 0.2 s"), HasSubstr("--server-timeout")));
  const MuteServer in_header("HTTP/1.1 200 OK\r\nContent-");
  EXPECT_THAT(problem_of(in_header.url()), HasSubstr("has said nothing for 0.2 s"));
  const MuteServer in_body(kHeader + "Content-Length: 100\r\n\r\n{\"a\":");
  EXPECT_THAT(problem_of(in_body.url()), HasSubstr("has said nothing for 0.2 s"));
  EXPECT_THAT(problem_of(silent.url(), {.method = "POST", .target = "/y", .patience = kLongWork}),
              AllOf(HasSubstr("(GET /healthz)"), HasSubstr("for 0.2 s")));
}

TEST(Client, AStreamThatFallsSilentIsOver) {
  const MuteServer server(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
      "23\r\nevent: accepted\ndata: {\"run\":\"r\"}\n\n\r\n");
  const auto queue = std::make_shared<runtime::UpdateQueue>();
  RemoteEngine engine(client_of(server.url()), queue);
  engine.send({{"op", "attach"}, {"run", "r"}});
  EXPECT_EQ(queue->pop(5s)->at("type"), "accepted");
  const auto update = queue->pop(5s);
  ASSERT_TRUE(update);
  EXPECT_EQ(update->at("type"), "closing");
}

TEST(Client, HalfAnAnswerIsNone) {
  for (const std::string rest : {"Content-Length: 100\r\n\r\n{\"a\": 1}",
                                 "Transfer-Encoding: chunked\r\n\r\n7\r\n{\"a\": 1\r\n"}) {
    const MuteServer broken(kHeader + rest, MuteServer::Then::hangs_up);
    EXPECT_THAT(problem_of(broken.url()), HasSubstr("went away")) << rest;
  }
  const MuteServer nothing("", MuteServer::Then::hangs_up);
  EXPECT_THAT(problem_of(nothing.url()), HasSubstr("went away"));
}

TEST(Client, AnotherServerIsNoneOfOurs) {
  const MuteServer other(kHeader + "Content-Length: 6\r\n\r\n<html>");
  EXPECT_THAT(problem_of(other.url()), HasSubstr("does not answer as a Scanflow server does"));
  const MuteServer json(kHeader + "Content-Length: 2\r\n\r\n{}");
  const auto documents = documents_of(client_of(json.url()));
  EXPECT_THAT(documents->list({}).error().message, HasSubstr("does not answer as a Scanflow"));
  EXPECT_THAT(documents->apply({}).error().message, HasSubstr("does not answer as a Scanflow"));
}

TEST(Client, AReadThatWaitsCanBeCancelled) {
  const MuteServer hangs(kHeader + "Content-Length: 100\r\n\r\nhalf");
  const auto patient = *HttpClient::to(hangs.url(), {.silence = 60s});
  const auto reading = patient.open({.target = "/"});
  ASSERT_TRUE(reading) << reading.error().message;
  EXPECT_EQ((*reading)->next(), "half");
  std::thread cancels([&] { (*reading)->cancel(); });
  EXPECT_FALSE((*reading)->next());
  cancels.join();
  EXPECT_FALSE((*reading)->next());
}

}  // namespace
}  // namespace scanflow::api
