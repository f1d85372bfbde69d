#include "proxy/cli/terminal.hpp"

#include "proxy/cli/commands.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace cli {
namespace {

bool has_colours() {
  static const bool has = [] {
    const char* refused = std::getenv("NO_COLOR");
    return is_screen() && !(refused && *refused);
  }();
  return has;
}

std::string_view code_of(Colour colour) {
  switch (colour) {
    case Colour::good:
      return "32";
    case Colour::warning:
      return "33";
    case Colour::bad:
      return "31";
    case Colour::faint:
      return "2";
    case Colour::strong:
      return "1";
  }
  return "0";
}

}  // namespace

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

int complain(const std::string& what) {
  std::fprintf(stderr, "outrider: %s\n", what.c_str());
  return failed;
}

bool is_screen() {
  static const bool is = [] {
    const char* kind = std::getenv("TERM");
    return ::isatty(STDOUT_FILENO) == 1 && kind && std::string_view(kind) != "dumb";
  }();
  return is;
}

std::string painted(std::string_view text, Colour colour) {
  if (!has_colours()) return std::string(text);
  return "\x1b[" + std::string(code_of(colour)) + 'm' + std::string(text) + "\x1b[0m";
}

std::string painted(std::string text, std::size_t width, Colour colour) {
  return painted(padded(std::move(text), width), colour);
}

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size() + 1, width), ' ');
  return text;
}

std::string harmless(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  return out;
}

}  // namespace cli
