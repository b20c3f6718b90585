// CURVE keys (Z85) of a test's hubs and sidecars.
#pragma once

#include <zmq.h>

namespace scanflow::test {

struct Keys {
  Keys() { zmq_curve_keypair(open, secret); }
  char open[41], secret[41];
};

}  // namespace scanflow::test
