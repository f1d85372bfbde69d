// The two sides of an exchange that is cut at a given step, and whoever watches the proxy meanwhile: for
// abort_every_step_test.cpp. The upstream runs in threads of its own, the others in the test's.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "tests/harness/h2_frames.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/peers.hpp"
#include "tests/harness/test_proxy.hpp"

namespace aborts {

using harness::H2Peer;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;
using harness::Version;
namespace h2 = harness::h2;

enum class How { close, reset, half_close };
enum class Who { client, upstream };

// `said` of the client's bytes if the request is cut, else of the upstream's (the request is out).
struct Step {
  Who who = Who::client;
  How how = How::close;
  bool is_in_request = false;
  std::size_t said = 0;
};

inline void cut(Socket& socket, How how) {
  if (how == How::close) socket.close();
  if (how == How::reset) socket.reset();
  if (how == How::half_close) socket.finish();
}

inline constexpr std::string_view http1_response =
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\nt: 1\r\n\r\n";

// The upstream's side: cuts its first exchange as the step says, and serves every other one well.
class Upstream {
 public:
  explicit Upstream(Version version)
      : version_(version), origin_([this](Socket& peer) {
          version_ == Version::h2 ? serve_h2(peer) : serve_http1(peer);
        }) {}

  const Origin& origin() const { return origin_; }

  void begin(const Step& step) {
    const std::lock_guard lock(mutex_);
    step_ = step;
    is_taken_ = has_head_ = has_said_ = may_go_ = false;
  }
  void wait_for_head() { wait(has_head_); }
  void wait_until_said() { wait(has_said_); }
  void go() { tell(may_go_); }

 private:
  void tell(bool& what) {
    const std::lock_guard lock(mutex_);
    what = true;
    changed_.notify_all();
  }
  void wait(const bool& what) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds{10}, [&] { return what; }))
      throw harness::Silence("the other side did not come so far");
  }
  bool takes(std::string_view path) {
    const std::lock_guard lock(mutex_);
    return path.starts_with("/c") && !std::exchange(is_taken_, true);
  }

  void serve_http1(Socket& peer) {
    for (;;) {
      const std::string head = peer.read_head();
      if (head.empty()) return;
      const bool is_cut = takes(std::string_view(head).substr(head.find(' ') + 1));
      if (is_cut && !may_read_on(peer)) return;
      bool is_whole = false;
      peer.read_body(head, is_whole);
      if (!is_whole) return;
      if (!is_cut) return answer_well(peer);
      if (!answer(peer, http1_response)) return;
    }
  }
  static void answer_well(Socket& peer) {
    peer.send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
  }

  void serve_h2(Socket& socket) {
    H2Peer peer(std::move(socket));
    if (!peer.accept()) return;
    for (std::uint32_t stream = 1;; stream += 2) {
      while (peer.last_stream < stream)
        if (!peer.read()) return;
      const bool is_cut = takes(peer.messages[stream].field(":path"));
      if (is_cut && !may_read_on(peer.socket())) return;
      if (!peer.wait_for(stream).has_ended) {
        if (peer.messages[stream].is_reset) continue;
        return;
      }
      const h2::Fields ok{{":status", "200"}};
      if (is_cut) {
        const std::string response = peer.head(stream, ok, false) +
                                     h2::frame(h2::data, 0, stream, "xyz") +
                                     peer.head(stream, {{"t", "1"}}, true);
        if (!answer(peer.socket(), response)) return;
        continue;
      }
      peer.send(peer.head(stream, ok, false) + h2::frame(h2::data, h2::end_stream, stream, "ok") +
                h2::frame(h2::goaway, 0, 0, h2::number(stream) + h2::number(0)));
      peer.socket().finish();
      peer.wait_for_end();
      return;
    }
  }

  // False: it was cut here, with the request's head behind it.
  bool may_read_on(Socket& peer) {
    const Step step = step_now();
    tell(has_head_);
    if (step.who != Who::upstream || !step.is_in_request) return true;
    wait(may_go_);
    end(peer, step.how);
    return false;
  }
  bool answer(Socket& peer, std::string_view response) {
    const Step step = step_now();
    if (step.is_in_request) return peer.send(response);
    peer.send(response.substr(0, step.said));
    if (step.who == Who::upstream) {
      end(peer, step.how);
      return false;
    }
    tell(has_said_);
    wait(may_go_);
    return peer.send(response.substr(std::min(step.said, response.size())));
  }
  static void end(Socket& peer, How how) {
    cut(peer, how);
    if (how == How::half_close) peer.read_to_end();
  }
  Step step_now() {
    const std::lock_guard lock(mutex_);
    return step_;
  }

  Version version_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Step step_;
  bool is_taken_ = false;
  bool has_head_ = false;
  bool has_said_ = false;
  bool may_go_ = false;
  Origin origin_;
};

// What a client says and hears, in either version.
class Caller {
 public:
  Caller(const base::Address& address, Version version, const std::string& path, bool has_body)
      : version_(version), peer_(Socket::connect(address)) {
    if (version == Version::http1) {
      head_ = (has_body ? "POST " : "GET ") + path + " HTTP/1.1\r\nhost: a\r\n" +
              (has_body ? "transfer-encoding: chunked\r\n\r\n" : "\r\n");
      if (has_body) body_ = "3\r\nabc\r\n0\r\n\r\n";
      return;
    }
    h2::Fields fields = H2Peer::get(path);
    if (has_body) fields[0].second = "POST";
    head_ = std::string(h2::preface) + h2::frame(h2::settings, 0, 0) + peer_.head(1, fields, !has_body);
    if (has_body) body_ = h2::frame(h2::data, h2::end_stream, 1, "abc");
  }

  std::size_t head_size() const { return head_.size(); }
  std::size_t size() const { return head_.size() + body_.size(); }
  void say(std::size_t from, std::size_t to) {
    peer_.send((head_ + body_).substr(from, to - from));
  }
  Socket& socket() { return peer_.socket(); }

  harness::Answer hear() {
    if (version_ == Version::http1) return peer_.socket().read_answer();
    const h2::Message& message = peer_.wait_for(1);
    return {message.status, {}, message.body, message.has_ended};
  }

 private:
  Version version_;
  H2Peer peer_;
  std::string head_;
  std::string body_;
};

// Answers on one connection to the admin side.
class Watch {
 public:
  explicit Watch(const TestProxy& proxy) : socket_(Socket::connect(proxy.admin())) {}
  std::string ask(const std::string& path) {
    socket_.send("GET " + path + " HTTP/1.1\r\nhost: localhost\r\n\r\n");
    return socket_.read_answer().body;
  }
  bool comes_to_rest() {
    return comes_to_be([this] { return is_at_rest(); });
  }
  bool comes_to_say(const std::string& path, std::string_view text) {
    return comes_to_be([&] { return ask(path).find(text) != std::string::npos; });
  }

 private:
  template <typename Predicate>
  static bool comes_to_be(Predicate is_so) {
    const base::Time limit = base::Clock::now() + std::chrono::seconds(10);
    bool is = is_so();
    while (!is && base::Clock::now() < limit) is = is_so();
    return is;
  }
  bool is_at_rest() {
    const std::string clusters = ask("/clusters");
    for (const char* gauge : {"\"connections\":0,", "\"connecting\":0,", "\"streams\":0,", "\"pending\":0,"})
      if (clusters.find(gauge) == clusters.npos) return false;
    return ask("/stats").find("\"connections\":0,\"exchanges\":0}") != std::string::npos;
  }

  Socket socket_;
};

}  // namespace aborts
