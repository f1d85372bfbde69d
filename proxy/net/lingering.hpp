// Ends connections politely when their owners are done with them: writes what is queued, sends FIN,
// and reads on for a while so that the peer gets it all (RFC 9112 9.6). They are the first to go
// when there is no room for another. One a worker; its thread.
#pragma once

#include "proxy/base/task_group.hpp"
#include "proxy/net/transport.hpp"

namespace net {

class Lingering {
 public:
  // Who was answered before its request had come may be sending still, and is to read the answer.
  static constexpr base::Millis behind_early_answer{5'000};

  explicit Lingering(base::EventLoop& loop);
  Lingering(const Lingering&) = delete;
  Lingering& operator=(const Lingering&) = delete;
  ~Lingering();

  base::EventLoop& loop() const { return loop_; }
  // A peer that takes nothing of what is queued is given up after `send_timeout`, one that takes
  // little after ten times that. What it still sends is discarded until its FIN, at most for
  // `patience`.
  void take(std::unique_ptr<Transport> transport, base::Millis send_timeout,
            base::Millis patience = base::Millis{1'000});
  bool empty() const { return tasks_.empty(); }
  // Closes the one that is here longest, of all or of that source. False = there is none.
  bool end_oldest();
  bool end_oldest_of(const base::Address& source);

 private:
  struct Leaving : base::Link {
    explicit Leaving(Transport& it) : transport(it) {}
    void end();
    Transport& transport;
  };
  Task<> linger(std::unique_ptr<Transport> transport, base::Millis send_timeout,
                base::Millis patience);
  Task<bool> went_out(Transport& transport, base::Millis send_timeout);

  base::EventLoop& loop_;
  base::List<Leaving> leaving_;  // the oldest first; in their tasks
  base::TaskGroup tasks_;
};

}  // namespace net
