// The name that a GraphQL client gives what it asks for: the text of the member `operationName` of
// a JSON object, found as the object's bytes pass. What nests in it is stepped over; nothing is
// kept but the name, and a text that is no name of GraphQL is none. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace filters {

// A name as GraphQL has them, of at most 128 letters, digits and `_`.
bool is_operation_name(std::string_view text);

class GraphqlOperation {
 public:
  // The next bytes. True: there is nothing more to be found.
  bool pass(std::string_view bytes);
  // "" = none so far.
  const std::string& name() const { return name_; }

 private:
  static constexpr std::size_t longest = 128;

  // Of the object's members: what stands where we are.
  enum class At : std::uint8_t { start, key, colon, value, wanted, end };

  void pass_text(char c);
  void pass_other(char c);
  void end_text();

  At at_ = At::start;
  int depth_ = 0;
  bool is_in_text_ = false;
  bool is_escaped_ = false;
  bool is_plain_ = true;  // the text has no escape and is not too long: else it is no name
  std::string text_;      // a key of the object, or the value that is wanted
  std::string name_;
};

}  // namespace filters
