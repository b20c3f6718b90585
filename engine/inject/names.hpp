// Names and paths that an injected Pod has.
#pragma once

#include <array>
#include <string_view>

namespace scanflow::inject {

inline constexpr std::string_view kSidecar = "scanflow-sidecar";    // container
inline constexpr std::string_view kLauncher = "scanflow-launcher";  // init container
inline constexpr std::string_view kVolume = "scanflow";             // what app and sidecar share
inline constexpr std::string_view kNoToken = "scanflow-no-token";   // hides a service account's
inline constexpr std::string_view kIdentity = "scanflow-identity";  // keys and token
inline constexpr std::array kVolumes = {kVolume, kNoToken, kIdentity};

inline constexpr std::string_view kDirectory = "/scanflow";
inline constexpr std::string_view kBinaries = "/scanflow/bin";
inline constexpr std::string_view kSocket = "/scanflow/sidecar.sock";
inline constexpr std::string_view kState = "/scanflow/sidecar";
inline constexpr std::string_view kIdentityDirectory = "/run/scanflow/identity";
inline constexpr std::string_view kTokenDirectory = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Who a projected token is for.
inline constexpr std::string_view kAudience = "scanflow-hub";
/// Before an explicit command.
inline constexpr std::array kPrefix = {std::string_view("/scanflow/bin/scanflow-exec"),
                                       std::string_view("--")};
inline constexpr std::string_view kSocketVariable = "SCANFLOW_SIDECAR_SOCKET";

}  // namespace scanflow::inject
