// What a process hands to the one that takes its place: listening sockets, over a pair of sockets
// between the two (SCM_RIGHTS), what an operator said of circuit breakers, and the word that the
// other is ready. Any thread.
#pragma once

#include "filters/registry.hpp"
#include "proxy/base/descriptor.hpp"
#include "proxy/base/error.hpp"
#include "proxy/server/inherited_socket.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace process {

// The variable that names the new process's end to it.
constexpr const char* handover_variable = "OUTRIDER_HANDOVER";
constexpr int handover_descriptor = 3;

struct HandedOver {
  std::vector<server::InheritedSocket> listeners;
  std::optional<server::InheritedSocket> admin, probes;
  std::vector<filters::HeldBreaker> breakers;
};

struct HandoverPair {
  base::Descriptor here, there;  // neither is inherited by a program; `here` never waits
};
base::Result<HandoverPair> make_handover();

// Never waits. What went wrong, or "".
std::string send(int descriptor, const HandedOver& all);

// In the new process. Waits for some seconds at most.
struct Received {
  HandedOver all;
  std::string problem;
};
Received receive(int descriptor);
void say_ready(int descriptor);
void say_why_not(int descriptor, std::string_view why);

// In the old one, when its end is readable. why: what kept the other from being ready, if it says.
enum class Heard { nothing, ready, end };
Heard listen_for_ready(int descriptor, std::string& why);

}  // namespace process
