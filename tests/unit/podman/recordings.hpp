// What podman 4.3.1 printed on Debian 12, shortened where it does not matter.
#pragma once

#include <string>
#include <string_view>

namespace scanflow::podman::recorded {

inline constexpr std::string_view kInfo = R"({"host": {"cgroupControllers": ["cpuset", "cpu",
"cpuacct", "blkio", "memory", "devices", "freezer", "pids"], "cgroupManager": "cgroupfs",
"cgroupVersion": "v1", "networkBackend": "netavark", "ociRuntime": {"name": "runc",
"path": "/usr/bin/runc"}, "security": {"rootless": false, "seccompEnabled": true},
"serviceIsRemote": false}, "store": {"graphDriverName": "overlay",
"graphRoot": "/var/lib/containers/storage"}, "version": {"APIVersion": "4.3.1",
"Version": "4.3.1", "GoVersion": "go1.19.8"}})";

/// Of a user, on cgroups of version 1.
inline constexpr std::string_view kRootlessInfo = R"({"host": {"cgroupControllers": [],
"cgroupManager": "cgroupfs", "cgroupVersion": "v1", "networkBackend": "netavark",
"ociRuntime": {"name": "runc", "path": "/usr/bin/runc"}, "security": {"rootless": true,
"seccompEnabled": true}, "slirp4netns": {"executable": "/usr/bin/slirp4netns"},
"serviceIsRemote": false}, "store": {"graphDriverName": "vfs",
"graphRoot": "/home/u/.local/share/containers/storage"}, "version": {"APIVersion": "4.3.1",
"Version": "4.3.1", "GoVersion": "go1.19.8"}})";

inline constexpr std::string_view kPlayed = R"(Pod:
83e93f6286f43ec415fe0e938e3dc927da507ed3f549a598005acdd44a5a6329
Containers:
759b5453c56764a8e4f115c32fa22e6c59a91b9a3a1e492f898790f2e52048e8
656dca2925aa2d72e233de7383a083863579b90fd5768202092202e299807929

)";

inline constexpr std::string_view kPod = R"({
"Id": "83e93f6286f43ec415fe0e938e3dc927da507ed3f549a598005acdd44a5a6329", "Name": "h2-p1",
"State": "Degraded", "Labels": {"scanflow.dev/state": "abc", "scanflow.dev/x": "y"},
"InfraContainerID": "a2f00f2a42fe0180aaa9d0cc5ba26731d21126ba009565beef843a2c794958cf",
"Containers": [
{"Id": "656dca2925aa2d72e233de7383a083863579b90fd5768202092202e299807929",
 "Name": "h2-p1-infra", "State": "running"},
{"Id": "759b5453c56764a8e4f115c32fa22e6c59a91b9a3a1e492f898790f2e52048e8",
 "Name": "h2-p1-app", "State": "exited"},
{"Id": "a2f00f2a42fe0180aaa9d0cc5ba26731d21126ba009565beef843a2c794958cf",
 "Name": "83e93f6286f4-infra", "State": "running"}]})";

inline constexpr std::string_view kContainers = R"([
{"Id": "759b5453c56764a8e4f115c32fa22e6c59a91b9a3a1e492f898790f2e52048e8",
"Name": "h2-p1-app", "State": {"Status": "exited", "Running": false, "OOMKilled": false,
"Pid": 0, "ExitCode": 3, "Error": "", "StartedAt": "2026-11-28T18:55:34.582465187Z",
"FinishedAt": "2026-11-28T18:55:35.59685736Z"}},
{"Id": "656dca2925aa2d72e233de7383a083863579b90fd5768202092202e299807929",
"Name": "h2-p1-infra", "State": {"Status": "running", "Running": true, "OOMKilled": false,
"Pid": 23222, "ExitCode": 0, "Error": "", "StartedAt": "2026-11-28T18:55:34.681015421Z",
"FinishedAt": "0001-01-01T00:00:00Z"}}])";

inline constexpr std::string_view kPods = R"([{"Cgroup": "/libpod_parent", "Containers": [
{"Id": "51e51bdf212d9e8b8537f9d51f051f81be22b6a81d5a35f4a694c0e87a3b1ddb",
 "Names": "f2d6ed60bb05-infra", "Status": "exited"},
{"Id": "bea76a28fcf8b70b40b7c38d6c673f9af09221d4c11c4304521c940e1ab3c9aa",
 "Names": "h2-noprog-app", "Status": "created"}],
"Created": "2026-11-28T18:42:18.810511662Z",
"Id": "f2d6ed60bb0519ffda6159a6badb35768d1b8c54bb7691ce8b1fc1cbc4e62d65",
"InfraId": "51e51bdf212d9e8b8537f9d51f051f81be22b6a81d5a35f4a694c0e87a3b1ddb",
"Name": "h2-noprog", "Namespace": "", "Networks": ["podman"], "Status": "Stopped",
"Labels": {"scanflow.dev/state": "abc"}}])";

inline constexpr std::string_view kDied =
    R"({"ContainerExitCode":137,"ID":"daff22a62c67f3e390a9ef996755bc26ec8c10886a44b710c41f2939b1d031a9",)"
    R"("Image":"localhost/h2-py:latest","Name":"h2-oom-app","Status":"died",)"
    R"("Time":"2026-11-28T18:42:17.234547719Z","Type":"container",)"
    R"("Attributes":{"io.buildah.version":"1.28.2","scanflow.dev/state":"abc"}})";

inline constexpr std::string_view kPodEvent =
    R"({"ID":"f2d6ed60bb0519ffda6159a6badb35768d1b8c54bb7691ce8b1fc1cbc4e62d65","Name":"h2-noprog",)"
    R"("Status":"remove","Time":"2026-11-28T18:42:19.806753718Z","Type":"pod","Attributes":null})";

// On stderr.
inline constexpr std::string_view kRlimits =
    R"(time="2026-11-28T18:40:46Z" level=warning msg="aardvark-dns binary not found, container dns will not be enabled"
starting container 5661565b: runc: runc create failed: unable to start container process: error during container init: error setting rlimits for ready process: error setting rlimit type 7: operation not permitted: OCI permission denied
starting container 399ec41e: a dependency of container 399ec41e failed to start: container state improper
Error: failed to start 2 containers
)";
inline constexpr std::string_view kNoTun =
    R"(time="2026-11-29T01:00:18Z" level=warning msg="\"/\" is not a shared mount, this could cause issues or missing mounts with rootless containers"
starting container ad1984e8: a dependency of container ad1984e8 failed to start: container state improper
starting container 66d5d1cc: /usr/bin/slirp4netns failed: "open(\"/dev/net/tun\"): Permission denied\nWARNING: Support for seccomp is experimental\nchild failed(1)\n"
Error: failed to start 2 containers
)";
inline constexpr std::string_view kNoUidmap =
    R"(Error: command required for rootless mode with multiple IDs: exec: "newuidmap": executable file not found in $PATH
)";
inline constexpr std::string_view kNoCgroup =
    R"(starting container 29d0763b: runc: runc create failed: unable to start container process: error during container init: error setting cgroup config for procHooks process: cannot set memory limit: container could not join or create cgroup: OCI runtime error
Error: failed to start 1 containers
)";
inline constexpr std::string_view kNoImage = "Error: localhost/h2-nothere: image not known\n";
inline constexpr std::string_view kNoRegistry =
    R"(Error: initializing source docker://h2/nothere:3: pinging container registry registry-1.docker.io: Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on 10.255.255.53:53: no such host
)";
inline constexpr std::string_view kNotBuilt =
    R"(time="2026-11-28T23:09:04Z" level=warning msg="Failed, retrying in 1s ... (1/3). Error: initializing source docker://localhost/nope:1: pinging container registry localhost: Get \"https://localhost/v2/\": dial tcp 127.0.0.1:443: connect: connection refused"
Error: initializing source docker://localhost/nope:1: pinging container registry localhost: Get "https://localhost/v2/": dial tcp 127.0.0.1:443: connect: connection refused
)";
inline constexpr std::string_view kRegistryAway =
    R"(Error: initializing source docker://127.0.0.2:5000/nope:1: pinging container registry 127.0.0.2:5000: Get "https://127.0.0.2:5000/v2/": dial tcp 127.0.0.2:5000: connect: connection refused
)";
inline constexpr std::string_view kBadName = "Error: invalid reference format\n";
inline constexpr std::string_view kOddName =
    "Error: Invalid image name \"UPPER/case\", expected colon-separated transport:reference\n";
inline constexpr std::string_view kBadField =
    "Error: unable to read YAML as Kube Pod: error unmarshaling JSON: while decoding JSON: json: "
    "cannot unmarshal string into Go struct field "
    "SecurityContext.spec.containers.securityContext.runAsUser of type int64\n";
inline constexpr std::string_view kBadDns =
    "Error: running container create option: invalid IP address <nil>: invalid argument\n";
inline constexpr std::string_view kTooLittle =
    R"(starting container 507ae5e9: runc: runc create failed: unable to start container process: error during container init: error setting cgroup config for procHooks process: unable to set memory limit to 1 (current usage: 2281472, peak usage: 2490368): OCI runtime error
Error: failed to start 1 containers
)";
inline constexpr std::string_view kShortName =
    R"(Error: short-name "h2nothere" did not resolve to an alias and no unqualified-search registries are defined in "/etc/containers/registries.conf"
)";
inline constexpr std::string_view kNoPause =
    R"(Error: building local pause image: finding pause binary: exec: "catatonit": executable file not found in $PATH
)";
inline constexpr std::string_view kNoService =
    R"(Cannot connect to Podman. Please verify your connection to the Linux system using `podman system connection list`, or try `podman machine init` and `podman machine start` to manage a new Linux VM
Error: unable to connect to Podman socket: Get "http://d/v4.3.1/libpod/_ping": dial unix /tmp/no.sock: connect: no such file or directory
)";
inline constexpr std::string_view kHybrid =
    "Error: OCI runtime error: /usr/bin/crun: cgroups in hybrid mode not supported, drop all "
    "controllers from cgroupv2\n";
inline constexpr std::string_view kNoIptables =
    "Error: netavark: No such file or directory (os error 2)\n";
inline constexpr std::string_view kNoProgram =
    R"(starting container bea76a28: runc: runc create failed: unable to start container process: exec: "/nope": stat /nope: no such file or directory: OCI runtime attempted to invoke a command that was not found
Error: failed to start 1 containers
)";
inline constexpr std::string_view kExists =
    R"(Error: adding pod to state: name "h2-noimg" is in use: pod already exists
)";
inline constexpr std::string_view kNoPod = "Error: inspecting object: no such pod h2-none\n";
inline constexpr std::string_view kNoContainer =
    R"(Error: no container with name or ID "h2-none" found: no such container
)";

}  // namespace scanflow::podman::recorded
