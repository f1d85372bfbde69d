// Moves a body to where it is sent, piece by piece, at the pace of the slower side. One thread.
#pragma once

#include "proxy/http/stream.hpp"

#include <optional>

namespace http {

// How it went: at most one of the two is set, none if the message is complete.
struct Pumped {
  std::optional<Error> source;  // what the body ended with instead of its end
  std::optional<Error> sink;    // whoever took it takes no more
};

// Notes in `info` what was taken and when, and gives others their turn now and then. The sink is
// finished with the body's trailers.
Task<Pumped> pump(Body& body, Sink& sink, StreamInfo& info);

}  // namespace http
