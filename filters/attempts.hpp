// How attempts that a filter began come to their end (retry, fallback).
#pragma once

#include "proxy/http/message.hpp"

#include <memory>

namespace filters {

// What is answered with: a response ends its attempt with its body, an error at once.
http::Reply concluded(http::Reply reply, std::unique_ptr<http::Try> attempt);
// What is not answered with: the attempt is over, and holds nothing any more.
void give_up(http::Reply reply, std::unique_ptr<http::Try> attempt);

}  // namespace filters
