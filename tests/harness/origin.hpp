// An upstream of a test: listens on a port of its own and runs a script, in a thread, for each
// connection that comes. What the script says goes out byte by byte as it is.
//
//   harness::Origin origin([](harness::Socket& peer) {
//     while (!peer.read_head().empty()) peer.send("HTTP/1.1 204 No Content\r\n\r\n");
//   });
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>

#include "tests/harness/socket.hpp"

namespace harness {

class Origin {
 public:
  using Script = std::function<void(Socket&)>;

  // at: port 0 for one of its own; by default on 127.0.0.1.
  explicit Origin(Script script, const base::Address& at = *base::Address::parse("127.0.0.1:0"));
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;
  ~Origin();  // ends the scripts by shutting their connections

  // Answers each request with 200 and this body, and keeps the connection.
  static Script answering(std::string body);
  // Answers each request with its own body.
  static Script echo();

  const base::Address& address() const { return address_; }
  std::string url() const { return "http://" + address_.to_string(); }
  int connections() const { return connections_.load(); }  // ever accepted

 private:
  struct Peer {
    Socket socket;
    std::thread thread;
    bool has_ended = false;
  };
  void accept();
  void join_those_that_ended();

  Script script_;
  int listening_;
  base::Address address_;
  std::atomic<int> connections_{0};
  std::atomic<bool> is_ending_{false};
  std::mutex mutex_;
  std::list<Peer> peers_;
  std::thread acceptor_;
};

// A port on which nobody listens, as yet.
base::Address unused_address();
// One on which nobody can, as long as this process lives.
base::Address refusing_address();

}  // namespace harness
