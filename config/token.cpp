#include "config/token.hpp"

#include "config/source.hpp"

#include <algorithm>
#include <utility>

namespace config {
namespace {

constexpr std::size_t most_token_bytes = 4096;

}  // namespace

Token token_of(std::string text) {
  if (text.size() > most_token_bytes) return {{}, "is longer than 4 KiB"};
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  if (text.empty()) return {{}, "holds no token"};
  if (text.find('\n') != text.npos) return {{}, "holds several lines: a token is one word"};
  const auto is_visible = [](char c) { return c > ' ' && c < 0x7f; };
  if (!std::all_of(text.begin(), text.end(), is_visible))
    return {{}, "a token is one word of visible ASCII"};
  return {std::move(text)};
}

Token read_token(const std::string& file) {
  FileText read = read_file(file, most_token_bytes);
  if (!read.problem.empty()) return {{}, file + ": " + read.problem};
  Token token = token_of(std::move(read.text));
  if (!token.problem.empty()) token.problem = file + ": " + token.problem;
  return token;
}

}  // namespace config
