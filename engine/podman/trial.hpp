// The proof: a tiny Pod is built, played, looked at, and removed.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>

#include "engine/podman/podman.hpp"

namespace scanflow::podman {

/// Its image is `launcher` (scanflow-exec: static) and nothing else. Gives how long it took, in words.
/// Nothing stays behind. `scratch`: a directory for what is built; made, and removed.
Answer<std::string> try_pod(const Podman& podman, const std::filesystem::path& launcher,
                            const std::filesystem::path& scratch, const std::stop_token& stop = {});

}  // namespace scanflow::podman
