#include "engine/runtime/hub_identity.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zmq.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "sdk/base/digest.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/unique_fd.hpp"

namespace scanflow::runtime {
namespace {

using nlohmann::json;

constexpr std::size_t kKey = 41;  // Z85 and its end

backend::KeyPair pair_of(const std::string& secret) {
  std::array<char, kKey> open{};
  zmq_curve_public(open.data(), secret.c_str());
  return {open.data(), secret};
}

}  // namespace

Result<HubIdentity> read_hub_identity(const std::filesystem::path& file) {
  HubIdentity identity;
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    std::array<char, kKey> open{}, secret{};
    if (zmq_curve_keypair(open.data(), secret.data()) != 0)
      return fail("this libzmq has no CURVE: a hub for Pods needs it");
    identity.keys = {open.data(), secret.data()};
    if (auto written = write_hub_identity(file, identity); !written)
      return tl::unexpected(written.error());
    return identity;
  }
  const auto text = read_file(file, 1u << 16);
  if (!text) return tl::unexpected(text.error());
  const json read = json::parse(*text, nullptr, false);
  if (!read.is_object() || !read.contains("secret_key") || !read["secret_key"].is_string() ||
      read["secret_key"].get<std::string>().size() != kKey - 1) {
    return fail(fmt::format("{} is damaged: remove it, and Pods get new keys", file.string()));
  }
  identity.keys = pair_of(read["secret_key"]);
  identity.port = read.value("port", std::uint16_t{0});
  identity.bulk_port = read.value("bulk_port", std::uint16_t{0});
  return identity;
}

Result<void> write_hub_identity(const std::filesystem::path& file, const HubIdentity& identity) {
  const std::string text = json{
      {"secret_key", identity.keys.secret_key},
      {"port", identity.port},
      {"bulk_port",
       identity.bulk_port}}.dump();
  const std::string part = file.string() + ".part";
  ::unlink(part.c_str());
  // Never readable for anybody else, also not for a moment.
  const UniqueFd fd(::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return fail(describe_errno("cannot create", part, errno));
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail(describe_errno("cannot write", part, errno));
  if (::rename(part.c_str(), file.c_str()) != 0)
    return fail(describe_errno("cannot rename", part, errno));
  return {};
}

backend::KeyPair keys_of_pod(const HubIdentity& hub, const std::string& pod) {
  const std::string hex = sha256_hex(hub.keys.secret_key + "\n" + pod);
  std::array<std::uint8_t, 32> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
  std::array<char, kKey> secret{};
  zmq_z85_encode(secret.data(), bytes.data(), bytes.size());
  return pair_of(secret.data());
}

}  // namespace scanflow::runtime
