#include "config/hidden.hpp"

#include "proxy/base/ascii.hpp"

#include <algorithm>
#include <string_view>

namespace config {
namespace {

constexpr std::size_t most_hidden = 1000;
constexpr std::size_t shortest_secret = 4;  // of less, every message would be full
constexpr std::string_view hidden = "[not shown]";

bool is_word(char c) {
  return base::is_alpha(c) || base::is_digit(c);
}

}  // namespace

void Hidden::add(const std::string& secret) {
  const bool is_new = std::find(secrets_.begin(), secrets_.end(), secret) == secrets_.end();
  if (is_new && secret.size() >= shortest_secret && secrets_.size() < most_hidden)
    secrets_.push_back(secret);
}

void Hidden::add(const Mark& mark, const std::string& value, const std::string& shown) {
  if (!value.empty() && variables_.size() < most_hidden) variables_.push_back({mark, value, shown});
}

std::string Hidden::without(const Mark& mark, std::string message) const {
  message = without_values(mark, std::move(message));
  for (const std::string& secret : secrets_)
    for (std::size_t at = message.find(secret); at != message.npos;
         at = message.find(secret, at + hidden.size()))
      message.replace(at, secret.size(), hidden);
  return message;
}

// A short value only where it stands alone: it would be found in any word.
std::string Hidden::without_values(const Mark& mark, std::string message) const {
  for (const Variable& variable : variables_) {
    const Mark& of = variable.mark;
    if (of.source != mark.source || of.line != mark.line || of.column != mark.column) continue;
    const std::string& value = variable.value;
    for (std::size_t at = message.find(value); at != message.npos; at = message.find(value, at)) {
      const bool is_part =
          (at > 0 && is_word(message[at - 1])) ||
          (at + value.size() < message.size() && is_word(message[at + value.size()]));
      const bool is_shown = is_part && value.size() < shortest_secret;
      if (!is_shown) message.replace(at, value.size(), variable.shown);
      at += is_shown ? value.size() : variable.shown.size();
    }
  }
  return message;
}

}  // namespace config
