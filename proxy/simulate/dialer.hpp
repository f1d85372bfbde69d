// Connections to endpoints that exist in virtual time alone, behind the seam that upstream::Dialer
// is: filters, balancer, pools above it are those of the program. Dialers belong to their pools,
// connections to them; origins outlive all of them. One thread.
#pragma once

#include "proxy/base/event.hpp"
#include "proxy/http/stream.hpp"
#include "proxy/simulate/origin.hpp"
#include "proxy/upstream/dialer.hpp"

#include <map>
#include <memory>

namespace simulate {

// By their address; how long it takes to them and back.
struct Network {
  std::map<base::Address, Origin*> origins;
  Millis there_and_back{1};
};

class Stream;

class Connection final : public upstream::PooledConnection {
 public:
  Connection(base::Loop& loop, Origin& origin, Millis there_and_back, bool speaks_h2,
             base::Duration longest_idle);
  ~Connection() override;

  bool is_h2() const override { return is_h2_; }
  std::uint32_t streams() const override { return open_; }
  std::size_t free_streams() override;

  // The endpoint's process has ended.
  void lose();
  bool is_lost() const { return is_lost_; }
  base::Loop& own_loop() const { return loop(); }
  Origin& origin() const { return origin_; }
  Millis there_and_back() const { return there_and_back_; }

  void began(Stream& stream);
  // is_whole: the answer was read; else the stream was given up.
  void stream_is_over(bool is_whole);

 private:
  std::unique_ptr<http::ClientStream> open_stream() override;
  void say_goodbye() noexcept override {}

  Origin& origin_;
  const Millis there_and_back_;
  const bool is_h2_;
  bool is_lost_ = false;
  std::uint32_t open_ = 0;
  base::List<Stream> all_;
};

std::unique_ptr<upstream::Dialer> make_dialer(base::Loop& loop, const Network& network);

}  // namespace simulate
