// The token of the admin side, as who asks for it and who shows it read it from a file: one word of
// visible ASCII, as a field of a request can hold it, and the end of its line. Any thread.
#pragma once

#include <string>

namespace config {

struct Token {
  std::string text;
  std::string problem{};  // why it is none; "" = it is one
};

Token token_of(std::string text);
// problem: with the file's name before it.
Token read_token(const std::string& file);

}  // namespace config
