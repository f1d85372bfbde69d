#include "filters/graphql_operation.hpp"

#include "proxy/base/ascii.hpp"

#include <algorithm>

namespace filters {
namespace {

constexpr std::string_view wanted_key = "operationName";

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

}  // namespace

bool is_operation_name(std::string_view text) {
  return !text.empty() && text.size() <= 128 && !base::is_digit(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return base::is_alpha(c) || base::is_digit(c) || c == '_'; });
}

bool GraphqlOperation::pass(std::string_view bytes) {
  for (const char c : bytes) {
    if (at_ == At::end) break;
    is_in_text_ ? pass_text(c) : pass_other(c);
  }
  return at_ == At::end;
}

void GraphqlOperation::pass_text(char c) {
  if (is_escaped_) {
    is_escaped_ = false;
  } else if (c == '\\') {
    is_escaped_ = true;
    is_plain_ = false;
  } else if (c == '"') {
    is_in_text_ = false;
    end_text();
  } else if (depth_ == 1 && is_plain_ && (at_ == At::key || at_ == At::wanted)) {
    if (text_.size() < longest)
      text_ += c;
    else
      is_plain_ = false;
  }
}

// Only of the object's own members: what is deeper means nothing here.
void GraphqlOperation::end_text() {
  if (depth_ != 1) return;
  if (at_ == At::key) {
    at_ = is_plain_ && text_ == wanted_key ? At::colon : At::value;
  } else if (at_ == At::wanted) {
    if (is_plain_ && is_operation_name(text_)) name_ = text_;
    at_ = At::end;
  }
}

void GraphqlOperation::pass_other(char c) {
  if (is_blank(c)) return;
  if (at_ == At::start) {
    at_ = c == '{' ? At::key : At::end;  // a list of several has no name
    depth_ = 1;
    return;
  }
  if (c == '"') {
    is_in_text_ = true;
    is_plain_ = true;
    text_.clear();
  } else if (c == '{' || c == '[') {
    ++depth_;
  } else if (c == '}' || c == ']') {
    if (--depth_ == 0) at_ = At::end;
  } else if (depth_ == 1 && c == ':') {
    if (at_ == At::colon) at_ = At::wanted;
  } else if (depth_ == 1 && c == ',') {
    at_ = At::key;
  }
}

}  // namespace filters
