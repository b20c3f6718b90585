// A body on its way into a file. Private to engine/http.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "engine/http/message.hpp"
#include "sdk/base/digest.hpp"

namespace scanflow::http {

/// Why a body is not taken.
struct NotTaken {
  int status = 500;
  std::string message;
};
template <class T>
using Taken = tl::expected<T, NotTaken>;

/// One thread at a time. The file is gone with this, unless finish() has handed it on.
class Spool {
 public:
  /// `claimed`: how many bytes the client says it has.
  static Taken<std::shared_ptr<Spool>> open(const SpoolTo& to,
                                            std::optional<std::uint64_t> claimed);
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;
  ~Spool();

  Taken<void> write(std::string_view piece);
  Taken<std::shared_ptr<const BodyFile>> finish();

 private:
  explicit Spool(const SpoolTo& to) : to_(to) {}
  /// Of so many bytes that are still to come.
  Taken<void> has_room_for(std::uint64_t more) const;

  const SpoolTo to_;
  std::filesystem::path path_;
  int fd_ = -1;
  std::uint64_t bytes_ = 0;
  Sha256 digest_;
};

}  // namespace scanflow::http
