// What every TCP socket is set to. Any thread.
#pragma once

namespace net {

// Small writes leave at once. A peer that vanished in silence is found within two minutes, also by a
// stream on which nothing moves for hours. Accepted sockets have it from the one that listens.
void set_tcp_options(int descriptor);

}  // namespace net
