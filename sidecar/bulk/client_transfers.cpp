// How a transfer goes on.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>
#include <variant>

#include "sdk/base/files.hpp"
#include "sidecar/bulk/transfer.hpp"

namespace scanflow::bulk {
namespace {

/// Of a fetch: so much may be on its way.
constexpr std::uint64_t kWindow = 2u << 20;
/// Chunks of one poll(), of all transfers: reading and digesting them takes the sidecar's only thread a
/// few milliseconds.
constexpr std::size_t kChunks = 2;
/// Without a word of the hub for so long, it is told again.
constexpr std::int64_t kSilentUs = 3'000'000;
/// Before what was refused begins anew: doubled each time.
constexpr std::int64_t kLeastWaitUs = 50'000, kMostWaitUs = 5'000'000;
/// As often as a wrong digest may be the network's.
constexpr int kMostWrong = 3;

Result<UniqueFd> opened(const std::string& path, int flags) {
  UniqueFd file(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return fail(describe_errno("cannot open", path, errno));
  return file;
}

}  // namespace

Result<void> Client::open(Transfer& transfer) {
  if (transfer.fetches) {
    auto file = opened(transfer.part(), O_RDWR | O_CREAT | O_TRUNC);
    if (!file) return tl::unexpected(file.error());
    transfer.in.emplace(std::move(*file), 0, hasher_());
    return {};
  }
  auto file = opened(transfer.path, O_RDONLY);
  if (!file) return tl::unexpected(file.error());
  struct stat status {};
  ::fstat(file->get(), &status);
  if (!S_ISREG(status.st_mode)) return fail(transfer.path + " is not a file");
  if (transfer.is_log()) {
    transfer.out.emplace(transfer.number, std::move(*file), 0);
    return {};
  }
  if (transfer.store.object == "file" && (status.st_mode & 0111) != 0)
    transfer.store.object = "executable";
  transfer.store.bytes = static_cast<std::uint64_t>(status.st_size);
  transfer.out.emplace(transfer.number, std::move(*file), transfer.store.bytes, hasher_());
  return {};
}

void Client::advance(Transfer& transfer, std::int64_t now_us) {
  const Number number = transfer.number;
  if (!transfer.in && !transfer.out) {
    if (auto is = open(transfer); !is) return finish(number, tl::unexpected(is.error()));
  }
  if (now_us >= transfer.say_us) {
    transfer.say_us = now_us + kSilentUs;
    if (transfer.fetches) {
      transfer.fetch.offset = transfer.in->have();
      transfer.fetch.allowed = transfer.in->have() + kWindow;
      say(transfer.fetch);
    } else {
      transfer.goes_on = transfer.sealed = false;
      say(transfer.store);
    }
  }
  if (!transfer.out || !transfer.goes_on || transfer.sealed) return;
  if (auto sent = send_some(transfer); !sent) {
    say(protocol::Refused{number, sent.error().message, false});
    finish(number, fail(fmt::format("{}: {}", transfer.path, sent.error().message)));
  }
}

Result<void> Client::send_some(Transfer& transfer) {
  Outgoing& out = *transfer.out;
  if (transfer.is_log()) out.look_again(transfer.offset, transfer.length);
  for (; chunks_ < kChunks; ++chunks_) {
    auto chunk = out.next();
    if (!chunk) return tl::unexpected(chunk.error());
    if (!*chunk) break;
    if (transfer.is_log()) (*chunk)->bytes = 0;
    say(std::move(**chunk));
  }
  if (!out.all_sent() || chunks_ >= kChunks) return {};
  if (transfer.is_log()) {
    if (!transfer.length) return {};
    // It may have got longer than what was said to be all of it; what is missing was removed.
    if (out.bytes() < *transfer.length) return fail(Outgoing::kShorter);
    transfer.sealed = true;
    say(protocol::Sealed{transfer.number, out.bytes(), ""});
    return {};
  }
  const auto whole = out.digest();
  if (!whole) return tl::unexpected(whole.error());
  ++chunks_;
  if (!*whole) return {};
  if (transfer.store.sha256.empty()) transfer.store.sha256 = out.sha256();
  transfer.sealed = true;
  say(protocol::Sealed{transfer.number, out.bytes(), transfer.store.sha256});
  return {};
}

Result<void> Client::receive(std::string_view bytes, std::int64_t now_us) {
  auto message = protocol::decode(bytes);
  if (!message) return tl::unexpected(message.error());
  if (!*message || (*message)->header.pod_uid != identity_.pod_uid) return {};
  const auto known = [&](Number number) -> Transfer* {
    const auto found = transfers_.find(number);
    if (found == transfers_.end() || !found->second->active) return nullptr;
    found->second->say_us = now_us + kSilentUs;
    return found->second.get();
  };
  const protocol::Body& body = (*message)->body;
  if (const auto* chunk = std::get_if<protocol::Chunk>(&body)) {
    if (Transfer* transfer = known(chunk->transfer); transfer != nullptr && transfer->in)
      take(*transfer, *chunk, now_us);
  } else if (const auto* resume = std::get_if<protocol::Resume>(&body)) {
    if (Transfer* transfer = known(resume->transfer); transfer != nullptr && transfer->out) {
      if (transfer->is_log()) transfer->out->look_again(transfer->offset, transfer->length);
      transfer->out->go_on(resume->offset, resume->allowed);
      transfer->goes_on = true;
      transfer->sealed = false;
      transfer->wait_us = 0;
    }
  } else if (const auto* grant = std::get_if<protocol::Grant>(&body)) {
    if (Transfer* transfer = known(grant->transfer); transfer != nullptr && transfer->out)
      transfer->out->grant(grant->taken, grant->allowed);
  } else if (const auto* stored = std::get_if<protocol::Stored>(&body)) {
    if (known(stored->transfer) != nullptr) finish(stored->transfer, stored->sha256);
  } else if (const auto* refused = std::get_if<protocol::Refused>(&body)) {
    Transfer* transfer = known(refused->transfer);
    if (transfer == nullptr) return {};
    if (!refused->again) {
      finish(refused->transfer, fail("the hub refuses it: " + refused->reason));
      return {};
    }
    // Once for all pieces that were under way.
    if (transfer->goes_on || transfer->fetches || transfer->wait_us == 0)
      transfer->wait_us = std::clamp(transfer->wait_us * 2, kLeastWaitUs, kMostWaitUs);
    transfer->say_us = now_us + transfer->wait_us;
    transfer->goes_on = false;
  }
  return {};
}

void Client::take(Transfer& transfer, const protocol::Chunk& chunk, std::int64_t now_us) {
  const std::uint64_t before = transfer.in->have();
  const auto piece = transfer.in->take(chunk.offset, chunk.data.data);
  if (!piece || *piece == Incoming::Piece::no_room) {
    const std::string why = piece ? "the disk of its Pod is full" : piece.error().message;
    say(protocol::Refused{transfer.number, why, false});
    return finish(transfer.number, fail(fmt::format("{}: {}", transfer.path, why)));
  }
  if (*piece == Incoming::Piece::gap) transfer.say_us = now_us;  // from where it is
  if (*piece != Incoming::Piece::next) return;
  transfer.wait_us = 0;
  const std::uint64_t have = transfer.in->have();
  if (have < chunk.bytes) {
    if (have / (kWindow / 2) != before / (kWindow / 2))
      say(protocol::Grant{transfer.number, have, have + kWindow});
    return;
  }
  say(protocol::Grant{transfer.number, have, have});
  if (auto is = complete(transfer); !is) {
    if (++transfer.wrong < kMostWrong) {
      transfer.in.reset();  // opened anew
      transfer.say_us = now_us;
      return;
    }
    return finish(transfer.number, tl::unexpected(is.error()));
  }
  finish(transfer.number, std::string());
}

Result<void> Client::complete(Transfer& transfer) {
  const std::string part = transfer.part();
  if (const std::string is = transfer.in->sha256(); is != transfer.fetch.sha256) {
    return fail(
        fmt::format("what came as {} has the digest {}: it was damaged on its way, or in the store",
                    transfer.fetch.sha256, is));
  }
  const mode_t mode = transfer.fetch.object == "executable" ? 0555 : 0444;
  if (::chmod(part.c_str(), mode) != 0) return fail(describe_errno("cannot chmod", part, errno));
  if (::rename(part.c_str(), transfer.path.c_str()) != 0)
    return fail(describe_errno("cannot rename", part, errno));
  return {};
}

}  // namespace scanflow::bulk
