// What the containers of tests' Pods run: words in, deeds in their order. Static: its image holds nothing else.
//   say TEXT, complain TEXT, print FILE, put FILE TEXT, wait MS, eat MIB, dial HOST PORT, crash, exit CODE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

/// Of /etc/hosts, which is where podman puts names: a static program cannot ask a name server.
std::string address_of(const std::string& host) {
  std::ifstream hosts("/etc/hosts");
  for (std::string line; std::getline(hosts, line);) {
    std::istringstream words(line);
    std::string address, name;
    words >> address;
    while (words >> name) {
      if (name == host) return address;
    }
  }
  return host;
}

void dial(const std::string& host, const std::string& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
  ::inet_pton(AF_INET, address_of(host).c_str(), &to.sin_addr);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    std::printf("cannot reach %s: %s\n", host.c_str(), std::strerror(errno));
    return;
  }
  char text[64] = {};
  const ssize_t got = ::read(fd, text, sizeof text - 1);
  std::printf("%s says %.*s\n", host.c_str(), static_cast<int>(got), text);
}

void eat(long mib) {
  static std::vector<std::string> eaten;
  for (long i = 0; i < mib; ++i) eaten.emplace_back(1 << 20, 'x');
}

void put(const std::string& file, const std::string& text) {
  const int fd = ::open(file.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
  if (fd < 0 || ::write(fd, text.data(), text.size()) < 0) {
    std::printf("cannot write %s: %s\n", file.c_str(), std::strerror(errno));
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  std::size_t at = 1;
  const std::vector<std::string> words(argv, argv + argc);
  const auto next = [&] { return at < words.size() ? words[at++] : std::string(); };
  while (at < words.size()) {
    const std::string deed = next();
    if (deed == "say") {
      std::printf("%s\n", next().c_str());
    } else if (deed == "complain") {
      std::fprintf(stderr, "%s\n", next().c_str());
    } else if (deed == "print") {
      std::printf("%s", (std::stringstream() << std::ifstream(next()).rdbuf()).str().c_str());
    } else if (deed == "put") {
      const std::string file = next();
      put(file, next());
    } else if (deed == "wait") {
      ::usleep(static_cast<useconds_t>(std::stol(next())) * 1000);
    } else if (deed == "eat") {
      eat(std::stol(next()));
    } else if (deed == "dial") {
      const std::string host = next();
      dial(host, next());
    } else if (deed == "crash") {
      ::raise(SIGSEGV);
    } else if (deed == "exit") {
      return std::stoi(next());
    } else {
      std::printf("what is %s?\n", deed.c_str());
      return 99;
    }
  }
  return 0;
}
