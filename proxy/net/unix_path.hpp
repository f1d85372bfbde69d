// The path of a Unix socket that the process listens on: whose it may be, who may connect, and that
// it goes when nobody listens there any more. Any thread.
#pragma once

#include "proxy/base/address.hpp"
#include "proxy/base/descriptor.hpp"
#include "proxy/base/error.hpp"

#include <memory>
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

  bool operator==(const UnixAccess&) const = default;
};

// A socket bound to the path, with that access before anybody can connect, and listening. A path on
// which nobody listens any more is taken over; one in use, or of anything but a socket, is an error
// and stays as it is. backlog: 0 = bound only, whoever connects is refused.
base::Result<base::Descriptor> listen_on_path(const base::Address& address,
                                              const UnixAccess& access, int backlog);

// What would keep listen_on_path() from binding there, as far as it shows without doing so.
base::Result<void> may_listen_on_path(const base::Address& address, const UnixAccess& access);

// Who may connect to a path that there is. The owner, if it is not the process's, by its numbers.
UnixAccess access_granted(const base::Address& address);

// Lets others connect from now on to a path that is listened on; an address of IP is nobody's.
base::Result<void> grant_anew(const base::Address& address, const UnixAccess& before,
                              const UnixAccess& now);

// Removes the path with itself, unless another process has it by then. Owned by all who listen
// there, each of whom lets it go before it closes its descriptor: as long as one is open, no other
// socket has its inode's number.
class UnixPath {
 public:
  explicit UnixPath(const base::Address& address);
  UnixPath(const UnixPath&) = delete;
  UnixPath& operator=(const UnixPath&) = delete;
  ~UnixPath();

  // It is another process's from now on. One thread, that owns it as well.
  void let_go() { path_.clear(); }

 private:
  std::string path_;  // "" = it was gone at once
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// Of an address just bound; null for one of IP.
std::shared_ptr<UnixPath> path_of(const base::Address& address);

}  // namespace net
