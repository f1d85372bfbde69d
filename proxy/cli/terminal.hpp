// What is said on standard output and standard error, and what a terminal is shown beyond text:
// colours, and a screen that is drawn again. Neither goes into a file or a pipe; NO_COLOR
// (https://no-color.org) is honoured.
#pragma once

#include <string>
#include <string_view>

namespace cli {

enum class Colour { good, warning, bad, faint, strong };

void print(const std::string& text);
int complain(const std::string& what);  // the exit status of what has failed

bool is_screen();  // whether standard output is a terminal that can be drawn on
// The text in that colour, or as it is.
std::string painted(std::string_view text, Colour colour);
// Filled up with blanks to that width first, so that colours do not move columns.
std::string painted(std::string text, std::size_t width, Colour colour);
std::string padded(std::string text, std::size_t width);
// What comes from elsewhere, without bytes that a terminal obeys.
std::string harmless(std::string_view text);

}  // namespace cli
