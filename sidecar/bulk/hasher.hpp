// SHA-256 in pieces, by whichever library its user has loaded anyway: OpenSSL in the engine, libsodium in
// the sidecar.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace scanflow::bulk {

class Hasher {
 public:
  virtual ~Hasher() = default;
  virtual void update(std::string_view bytes) = 0;
  /// Ends it: 64 lower-case hex digits.
  virtual std::string hex() = 0;
};

using MakeHasher = std::function<std::unique_ptr<Hasher>()>;

}  // namespace scanflow::bulk
