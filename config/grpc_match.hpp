// `match: { grpc: { service, method } }`: calls of gRPC by what their service says they are.
#pragma once

#include "config/fields.hpp"
#include "config/model.hpp"

namespace config {

// The row of a match; it stands for a path, POST and gRPC's content type.
Field<Match> grpc_match();
// Of a match that has it: mistakes if path or method is said once more.
void check_grpc_match(const Node& node, const Reading& reading);

}  // namespace config
