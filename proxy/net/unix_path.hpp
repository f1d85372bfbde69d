// The path of a Unix socket that the process listens on: whose it may be, who may connect, and that
// it goes when the process does. Any thread.
#pragma once

#include "proxy/base/address.hpp"
#include "proxy/base/descriptor.hpp"
#include "proxy/base/error.hpp"

#include <string>
#include <sys/types.h>

namespace net {

// Who may connect: whoever may write to the socket's file.
struct UnixAccess {
  // Not the mask's choice: a socket says the same whoever starts the process. Other users get in
  // only where it is said, as a request that is trusted for its socket has no other proof of its
  // origin.
  mode_t mode = 0660;
  std::string owner{};  // "user", "user:group", ":group", names or numbers; "" = the process's
};

// A socket bound to the path, with that access before anybody can connect, and listening. A path on
// which nobody listens any more is taken over; one in use, or of anything but a socket, is an error
// and stays as it is.
base::Result<base::Descriptor> listen_on_path(const base::Address& address,
                                              const UnixAccess& access, int backlog);

// Removes the path with itself, unless another process has it by then.
class UnixPath {
 public:
  UnixPath() = default;  // none
  explicit UnixPath(const base::Address& address);
  UnixPath(UnixPath&& other) noexcept;
  UnixPath& operator=(UnixPath&& other) noexcept;
  ~UnixPath() { remove(); }

 private:
  void remove();

  std::string path_;  // "" = none
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace net
