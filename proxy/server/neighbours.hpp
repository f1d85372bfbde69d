// The workers, as one sees them that has no room or no descriptor for a connection and none of its
// own that only lingers: it asks the others to end theirs, so that the next connection finds room.
// Owned by Admission; any thread.
#pragma once

#include "proxy/net/connection_limits.hpp"
#include "proxy/net/lingering.hpp"

#include <atomic>
#include <mutex>
#include <optional>
#include <vector>

namespace server {

class Neighbours {
 public:
  // One worker while it runs: made and destroyed in its thread.
  class Member {
   public:
    Member(Neighbours& all, net::Lingering& lingering);
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;
    ~Member();

   private:
    friend class Neighbours;
    void make_room(const std::optional<base::Address>& source);

    Neighbours& all_;
    net::Lingering& lingering_;
    std::atomic<bool> is_asked_{false};  // and has not come to it
  };

  explicit Neighbours(const net::ConnectionLimits& limits) : limits_(limits) {}

  // Who has been asked and has not come to it yet is not asked again.
  void ask_for_room(const base::Address& source) { ask(source); }
  void ask_for_descriptor() { ask(std::nullopt); }

 private:
  void ask(std::optional<base::Address> source);

  const net::ConnectionLimits& limits_;
  std::mutex mutex_;
  std::vector<Member*> members_;
};

}  // namespace server
