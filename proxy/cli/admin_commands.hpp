// The commands that ask a running Outrider, by its admin side. Each returns the exit status: 0, 1
// if it could not be reached or said no.
#pragma once

#include "proxy/cli/command.hpp"

namespace cli {

int status(const Call& call);
int top(const Call& call);
int tap(const Call& call);
int why(const Call& call);
int breaker(const Call& call);  // PLACE, and open, closed or auto
int drain(const Call& call);
int reload(const Call& call);
int upgrade(const Call& call);

}  // namespace cli
