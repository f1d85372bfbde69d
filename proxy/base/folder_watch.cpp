#include "proxy/base/folder_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

namespace base {
namespace {

// Not IN_MODIFY: what is half written is nobody's to read.
constexpr std::uint32_t changes = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                  IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB |
                                  IN_ONLYDIR;

}  // namespace

FolderWatches::~FolderWatches() {
  if (inotify_ < 0) return;
  loop_.poller().remove(slot_, inotify_);
  ::close(inotify_);
}

bool FolderWatches::is_open() {
  if (inotify_ >= 0) return true;
  inotify_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (inotify_ < 0) return false;
  slot_ = loop_.poller().add(inotify_, *this, EPOLLIN);
  if (slot_ >= 0) return true;
  ::close(inotify_);
  inotify_ = -1;
  return false;
}

void FolderWatches::on_events(std::uint32_t) {
  alignas(inotify_event) char room[4096];
  for (;;) {
    const ssize_t got = ::read(inotify_, room, sizeof room);
    if (got <= 0) return;
    for (const char* at = room; at < room + got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      told(event->wd, (event->mask & IN_IGNORED) != 0);
      at += sizeof(inotify_event) + event->len;
    }
  }
}

// -1 is told when some were lost: that concerns everybody.
void FolderWatches::told(int watched, bool is_over) {
  if (is_over) followers_of_.erase(watched);
  for (Follower* each = followers_.front(); each; each = followers_.after(*each)) {
    if (watched >= 0 && each->watched_ != watched) continue;
    if (is_over) each->watched_ = -1;
    each->changed_.set();
  }
}

FolderWatches::Follower::Follower(FolderWatches& watches, Event& changed)
    : watches_(watches), changed_(changed) {
  watches_.followers_.push_back(*this);
}

bool FolderWatches::Follower::follow(const std::string& folder) {
  if (!watches_.is_open()) return false;
  const int found = ::inotify_add_watch(watches_.inotify_, folder.c_str(), changes);
  if (found == watched_) return found >= 0;
  let_go();
  watched_ = found;
  if (found >= 0) ++watches_.followers_of_[found];
  return found >= 0;
}

void FolderWatches::Follower::let_go() {
  if (watched_ < 0) return;
  const auto found = watches_.followers_of_.find(watched_);
  if (found != watches_.followers_of_.end() && --found->second == 0) {
    ::inotify_rm_watch(watches_.inotify_, watched_);
    watches_.followers_of_.erase(found);
  }
  watched_ = -1;
}

}  // namespace base
