// Tells that something in a folder has changed: a file written and closed, put there, renamed or
// taken away, a symbolic link that now leads elsewhere. By inotify, one instance for all; what it
// does not report (other machines' file systems, a folder put in another's place) nobody hears of
// here, so whoever follows also looks from time to time. The loop's thread.
#pragma once

#include "proxy/base/event.hpp"
#include "proxy/base/event_loop.hpp"

#include <map>
#include <string>

namespace base {

class FolderWatches final : Poller::Watch {
 public:
  explicit FolderWatches(EventLoop& loop) : loop_(loop) {}
  FolderWatches(const FolderWatches&) = delete;
  FolderWatches& operator=(const FolderWatches&) = delete;
  ~FolderWatches();

  // One that follows a folder; the event is set at each change. Both outlive it.
  class Follower : public Link {
   public:
    Follower(FolderWatches& watches, Event& changed);
    Follower(const Follower&) = delete;
    Follower& operator=(const Follower&) = delete;
    ~Follower() { let_go(); }

    // What the path leads to now. False: nothing will be told (no such folder, or no inotify).
    bool follow(const std::string& folder);

   private:
    friend class FolderWatches;
    void let_go();

    FolderWatches& watches_;
    Event& changed_;
    int watched_ = -1;
  };

 private:
  void on_events(std::uint32_t events) override;
  bool is_open();
  void told(int watched, bool is_over);

  EventLoop& loop_;
  int inotify_ = -1;
  int slot_ = -1;
  std::map<int, int> followers_of_;  // by what the kernel calls the folder
  List<Follower> followers_;
};

}  // namespace base
