#include "proxy/net/unix_path.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/system_cause.hpp"

#include <cerrno>
#include <grp.h>
#include <nss.h>
#include <optional>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace net {
namespace {

base::Error failure(std::string_view what, int cause = errno) {
  return {base::Reason::internal, base::Fault::proxy, what, base::system_cause(cause)};
}

// What connect() says of the socket there; 0 = somebody listens. Does not wait for a full queue.
int answer_of(const base::Address& address) {
  const base::Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return errno;
  const base::Address::Socket socket = address.socket();
  return ::connect(probe.number(), socket.get(), socket.size) == 0 ? 0 : errno;
}

// Removes a socket that nobody listens on, and nothing else.
base::Result<void> clear(const base::Address& address) {
  const char* path = address.path().c_str();
  struct stat status {};
  if (::lstat(path, &status) != 0)
    return errno == ENOENT ? base::Result<void>() : failure("cannot look at the path");
  if (!S_ISSOCK(status.st_mode)) return failure("what is there is no socket, and stays:", EEXIST);
  const int answer = answer_of(address);
  if (answer == 0 || answer == EAGAIN) return failure("another process listens on", EADDRINUSE);
  if (answer != ECONNREFUSED) return failure("cannot tell whether somebody listens on", answer);
  if (::unlink(path) != 0) return failure("cannot remove the old socket", errno);
  return {};
}

// A binary that brings its libraries along cannot load those of a machine that look names up: it knows
// who stands in the files.
void prepare_lookup() {
#ifdef OUTRIDER_STATIC
  ::__nss_configure_lookup("passwd", "files");
  ::__nss_configure_lookup("group", "files");
#endif
}

// The id of a name or a number; none: there is nobody of that name.
std::optional<id_t> user_of(const std::string& name) {
  if (const auto number = base::parse_decimal<id_t>(name)) return number;
  const passwd* found = ::getpwnam(name.c_str());
  return found ? std::optional<id_t>(found->pw_uid) : std::nullopt;
}

std::optional<id_t> group_of(const std::string& name) {
  if (const auto number = base::parse_decimal<id_t>(name)) return number;
  const group* found = ::getgrnam(name.c_str());
  return found ? std::optional<id_t>(found->gr_gid) : std::nullopt;
}

struct FileOwner {
  uid_t user;
  gid_t group;
};

base::Result<FileOwner> owner_of(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string user = text.substr(0, colon);
  const std::string group = colon == std::string::npos ? "" : text.substr(colon + 1);
  constexpr id_t same = static_cast<id_t>(-1);
  prepare_lookup();
  const std::optional<id_t> uid = user.empty() ? same : user_of(user);
  const std::optional<id_t> gid = group.empty() ? same : group_of(group);
  if (!uid) return failure("there is no such user to own", EINVAL);
  if (!gid) return failure("there is no such group to own", EINVAL);
  return FileOwner{*uid, *gid};
}

// The owner, who may be nobody's to give, comes first: nothing has changed if that fails.
base::Result<void> grant(const std::string& path, const UnixAccess& access) {
  if (!access.owner.empty()) {
    const base::Result<FileOwner> owner = owner_of(access.owner);
    if (!owner) return owner.error();
    if (::chown(path.c_str(), owner->user, owner->group) != 0)
      return failure("cannot set the owner of");
  }
  if (::chmod(path.c_str(), access.mode) != 0) return failure("cannot set the mode of");
  return {};
}

}  // namespace

base::Result<base::Descriptor> listen_on_path(const base::Address& address,
                                              const UnixAccess& access, int backlog) {
  if (const base::Result<void> cleared = clear(address); !cleared) return cleared.error();
  base::Descriptor made(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made) return failure("cannot make a socket for");
  const base::Address::Socket socket = address.socket();
  if (::bind(made.number(), socket.get(), socket.size) != 0) return failure("cannot bind");
  base::Result<void> done = grant(address.path(), access);
  if (done && backlog > 0 && ::listen(made.number(), backlog) != 0)
    done = failure("cannot listen on");
  if (done) return base::Result<base::Descriptor>(std::move(made));
  ::unlink(address.path().c_str());
  return done.error();
}

base::Result<void> may_listen_on_path(const base::Address& address, const UnixAccess& access) {
  const std::string folder = address.path().substr(0, address.path().rfind('/') + 1);
  if (::access(folder.c_str(), W_OK | X_OK) != 0) return failure("cannot bind");
  struct stat status {};
  if (::lstat(address.path().c_str(), &status) == 0 && !S_ISSOCK(status.st_mode))
    return failure("what is there is no socket, and stays:", EEXIST);
  if (access.owner.empty()) return {};
  const base::Result<FileOwner> owner = owner_of(access.owner);
  return owner ? base::Result<void>() : owner.error();
}

UnixAccess access_granted(const base::Address& address) {
  UnixAccess access;
  struct stat status {};
  if (!address.is_unix() || ::lstat(address.path().c_str(), &status) != 0) return access;
  access.mode = status.st_mode & 07777;
  if (status.st_uid != ::geteuid() || status.st_gid != ::getegid())
    access.owner = std::to_string(status.st_uid) + ':' + std::to_string(status.st_gid);
  return access;
}

base::Result<void> grant_anew(const base::Address& address, const UnixAccess& before,
                              const UnixAccess& now) {
  if (!address.is_unix() || before == now) return {};
  UnixAccess access = now;
  if (now.owner.empty() && !before.owner.empty())
    access.owner = std::to_string(::geteuid()) + ':' + std::to_string(::getegid());
  return grant(address.path(), access);
}

UnixPath::UnixPath(const base::Address& address) {
  struct stat status {};
  if (::lstat(address.path().c_str(), &status) != 0) return;
  path_ = address.path();
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

UnixPath::~UnixPath() {
  struct stat status {};
  if (path_.empty() || ::lstat(path_.c_str(), &status) != 0) return;
  const bool is_ours = status.st_dev == device_ && status.st_ino == inode_;
  if (is_ours) ::unlink(path_.c_str());
}

std::shared_ptr<UnixPath> path_of(const base::Address& address) {
  return address.is_unix() ? std::make_shared<UnixPath>(address) : nullptr;
}

}  // namespace net
