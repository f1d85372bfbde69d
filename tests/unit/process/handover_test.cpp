#include "proxy/process/handover.hpp"

#include "proxy/base/event_loop.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/net/acceptor.hpp"
#include "proxy/process/successor.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>

using namespace process;

namespace {

const base::Address any_port = *base::Address::parse("127.0.0.1:0");

server::InheritedSocket listening() {
  server::InheritedSocket socket;
  socket.listener = "egress";
  socket.wanted = any_port;
  socket.descriptors = std::move(*net::listen_on(any_port, 2));
  socket.bound = base::Address::local_of(socket.descriptors.front().number());
  return socket;
}

// What comes of waiting for a program that was handed nothing.
std::string outcome_of(const std::vector<std::string>& command, base::Millis timeout) {
  base::EventLoop loop;
  Children children;
  Successor successor(loop, children);
  base::TaskGroup tasks(loop);
  std::string outcome = "none";
  const auto wait = [](Successor& of, Program program, base::Millis limit,
                       std::string& into) -> base::Task<> {
    into = co_await of.start(std::move(program), {}, limit);
  };
  tasks.spawn(wait(successor, {command, environment_without({})}, timeout, outcome)).release();
  const base::Time limit = base::Clock::now() + std::chrono::seconds(20);
  while (outcome == "none" && base::Clock::now() < limit) {
    loop.turn(base::Millis{10});
    children.reap();
  }
  return outcome;
}

}  // namespace

TEST_CASE("handover: sockets arrive with all that is known of them, and still listen") {
  HandoverPair pair = std::move(*make_handover());
  HandedOver sent;
  sent.listeners.push_back(listening());
  const base::Address bound = sent.listeners[0].bound;
  sent.admin = listening();
  sent.admin->is_shared = sent.admin->owns_path = true;
  CHECK(send(pair.here.number(), sent) == "");
  sent = {};
  const Received received = receive(pair.there.number());
  CHECK(received.problem == "");
  REQUIRE(received.all.listeners.size() == 1);
  const server::InheritedSocket& socket = received.all.listeners[0];
  CHECK(socket.listener == "egress");
  CHECK(socket.wanted == any_port);
  CHECK(socket.bound == bound);
  CHECK_FALSE(socket.is_shared);
  CHECK_FALSE(socket.owns_path);
  REQUIRE(socket.descriptors.size() == 2);
  CHECK(base::Address::local_of(socket.descriptors[1].number()) == bound);
  REQUIRE(received.all.admin);
  CHECK(received.all.admin->is_shared);
  CHECK(received.all.admin->owns_path);
}

TEST_CASE("handover: how breakers are held arrives, however many they are") {
  HandoverPair pair = std::move(*make_handover());
  HandedOver sent;
  for (int i = 0; i < 300; ++i)
    sent.breakers.push_back({"cluster c" + std::to_string(i), i % 2 ? "10.0.0.1:80" : "", "open"});
  CHECK(send(pair.here.number(), sent) == "");
  const Received received = receive(pair.there.number());
  CHECK(received.problem == "");
  REQUIRE(received.all.breakers.size() == 300);
  CHECK(received.all.breakers[299].place == "cluster c299");
  CHECK(received.all.breakers[299].part == "10.0.0.1:80");
  CHECK(received.all.breakers[298].part == "");
  CHECK(received.all.breakers[298].mode == "open");
}

TEST_CASE("handover: what a later version hands over as well is passed over") {
  HandoverPair pair = std::move(*make_handover());
  for (const std::string text : {"outrider handover 1", "tickets\n1", "end"})
    ::send(pair.here.number(), text.data(), text.size(), MSG_NOSIGNAL);
  CHECK(receive(pair.there.number()).problem == "");
}

TEST_CASE("handover: whoever speaks otherwise, or ends early, is not believed") {
  for (const std::string text : {"outrider handover 2", "end", ""}) {
    HandoverPair pair = std::move(*make_handover());
    ::send(pair.here.number(), text.data(), text.size(), MSG_NOSIGNAL);
    pair.here.reset();
    CHECK(receive(pair.there.number()).problem != "");
  }
  HandoverPair pair = std::move(*make_handover());
  for (const std::string text : {"outrider handover 1", "listener\negress\n127.0.0.1:0"})
    ::send(pair.here.number(), text.data(), text.size(), MSG_NOSIGNAL);
  CHECK(receive(pair.there.number()).problem == "what was handed over is not understood");
}

TEST_CASE("handover: the old process hears of readiness, and of the end without it") {
  HandoverPair pair = std::move(*make_handover());
  std::string why;
  CHECK(listen_for_ready(pair.here.number(), why) == Heard::nothing);
  say_why_not(pair.there.number(), "no file");
  CHECK(listen_for_ready(pair.here.number(), why) == Heard::nothing);
  CHECK(why == "no file");
  say_ready(pair.there.number());
  CHECK(listen_for_ready(pair.here.number(), why) == Heard::ready);
  pair.there.reset();
  CHECK(listen_for_ready(pair.here.number(), why) == Heard::end);
}

TEST_CASE("successor: one that cannot run, ends or does not become ready is told, and is gone") {
  using std::chrono::seconds;
  CHECK(outcome_of({"/nowhere/outrider"}, seconds(10))
            .find("cannot run /nowhere/outrider: No such") == 0);
  CHECK(outcome_of({"false"}, seconds(10)) ==
        "the new process ended with status 1 before it was ready");
  CHECK(outcome_of({"sleep", "1000"}, seconds(1)) == "the new process was not ready within 1 s");
}
