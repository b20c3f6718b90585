#include "sidecar/bulk/sodium_hasher.hpp"

#include <fmt/format.h>
#include <sodium/crypto_hash_sha256.h>

#include <array>

namespace scanflow::bulk {
namespace {

class SodiumHasher : public Hasher {
 public:
  SodiumHasher() { crypto_hash_sha256_init(&state_); }
  void update(std::string_view bytes) override {
    crypto_hash_sha256_update(&state_, reinterpret_cast<const unsigned char*>(bytes.data()),
                              bytes.size());
  }
  std::string hex() override {
    std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
    crypto_hash_sha256_final(&state_, digest.data());
    std::string text;
    for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
    return text;
  }

 private:
  crypto_hash_sha256_state state_{};
};

}  // namespace

std::unique_ptr<Hasher> sodium_hasher() { return std::make_unique<SodiumHasher>(); }

}  // namespace scanflow::bulk
