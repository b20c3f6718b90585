// A gang that meets: rank 0 listens where the others are told to find it, and adds up their ranks.
#pragma once

#include <string>

namespace scanflow::test {

/// The step "meet" of a pipeline: three ranks; output `sum`, an artifact `mine` of each.
inline const std::string kMeetingStep = R"(
  - name: meet
    replicas: 3
    command:
      - python3
      - -c
      - |
        import os, socket, time
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        print(f"I am {rank} of {size}")
        with open(os.path.join(os.environ["SCANFLOW_ARTIFACTS"], "mine"), "w") as mine:
            print(f"rank {rank}", file=mine)
        with open(os.environ["SCANFLOW_METRICS"], "a") as metrics:
            print(f"loss 0.{rank}", file=metrics)
        if rank == 0:
            total, server = 0, socket.create_server((host, port))
            for _ in range(size - 1):
                peer, _ = server.accept()
                total += int(peer.recv(16))
                peer.close()
            with open(os.environ["SCANFLOW_OUTPUT"], "a") as output:
                print(f"sum={total}", file=output)
        else:
            for _ in range(600):
                try:
                    peer = socket.create_connection((host, port), 1)
                    break
                except OSError:
                    time.sleep(0.05)
            peer.sendall(str(rank).encode())
)";

}  // namespace scanflow::test
