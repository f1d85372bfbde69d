// What a configuration took from variables and from files, and no message about it shows. Filled
// while the configuration is read, and then a part of it, for what is found out about its values
// later.
#pragma once

#include "config/source.hpp"

#include <string>
#include <vector>

namespace config {

class Hidden {
 public:
  // No message shows this text, which came from a file that is not to be shown.
  void add(const std::string& secret);
  // What is said of this place shows `shown` for the value, which came from a variable.
  void add(const Mark& mark, const std::string& value, const std::string& shown);
  // The message as it may be said of that place.
  std::string without(const Mark& mark, std::string message) const;

 private:
  struct Variable {
    Mark mark;
    std::string value, shown;
  };
  std::string without_values(const Mark& mark, std::string message) const;

  std::vector<std::string> secrets_;
  std::vector<Variable> variables_;
};

}  // namespace config
