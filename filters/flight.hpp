// One request upstream for several that ask the same. It is an exchange of its own, made like the
// first of them, so that whoever leaves takes nothing from the others; the last that leaves ends
// it. Owned by those who wait for it and by the bodies that they were given; one thread.
#pragma once

#include "proxy/base/event.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/http/filter.hpp"
#include "proxy/http/recorder.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace filters {

class Flight : public std::enable_shared_from_this<Flight> {
 public:
  // Whether an answer is for all who ask the same.
  using ForAll = std::function<bool(const http::Reply& reply)>;

  // How much of the body is kept for all, and who writes what is too much for memory: see Recording.
  struct Keeping {
    std::uint64_t max_body;
    base::Executor* files;
  };

  // close: called once, when nobody is to join it any more: its head has come, or all have left.
  Flight(const http::Request& like, const Keeping& keeping, ForAll is_for_all,
         std::function<void()> close);
  Flight(const Flight&) = delete;
  Flight& operator=(const Flight&) = delete;
  ~Flight() { close(); }

  // One that waits for the head, from when it is made.
  class Waiter : public base::Link {
   public:
    explicit Waiter(std::shared_ptr<Flight> flight);
    ~Waiter();
    // True: the head has come.
    [[nodiscard]] base::Event::Awaiter head(base::Time until) { return news_.wait(until); }

   private:
    friend class Flight;
    const std::shared_ptr<Flight> flight_;
    base::Event news_;
  };

  // Once, with a waiter there.
  void begin(http::Next next) { task_.spawn(run(next)).release(); }
  bool has_head() const { return reply_.has_value(); }
  // What has come, for one of those who wait; `request` learns where it came from. Nothing: it is
  // not for all, or too much of it has gone by. The first gets it in any case.
  std::optional<http::Reply> reply_for(http::Request& request, bool is_first);

 private:
  class Source;

  base::Task<> run(http::Next next);
  void close();
  void settle(http::Reply reply);
  void tell(http::StreamInfo& info) const;
  void stop_keeping_if_unwanted();
  void end(base::Reason reason);

  const Keeping keeping_;
  const ForAll is_for_all_;
  std::function<void()> close_;
  const http::ConnectionInfo connection_;
  http::NoInterim interim_;
  http::StreamInfo info_;
  http::Scope scope_;
  http::Request request_;
  std::optional<http::Reply> reply_;  // its body is in the recording
  std::optional<http::Recording> recording_;
  bool is_shared_ = false;
  base::List<Waiter> waiters_;
  base::TaskGroup task_;
};

}  // namespace filters
