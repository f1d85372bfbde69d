// What the kernel knows of a connection's other end where that is a socket of this machine, as an
// app's beside us is: TCP itself does not tell who has closed from who only sends no more. Any thread.
#pragma once

namespace net {

// The peer has closed its socket, or died. False: it has not, or its address is another than ours, or the
// kernel does not say. Some system calls; to be asked once, at a hang-up.
bool has_closed_here(int descriptor);

}  // namespace net
