#include "proxy/routing/path_template.hpp"

#include "config/words.hpp"
#include "proxy/base/ascii.hpp"

#include <vector>

namespace routing {

std::string PathTemplate::expand(const re2::RE2& regex, std::string_view path) const {
  std::vector<re2::StringPiece> groups(static_cast<std::size_t>(regex.NumberOfCapturingGroups()) +
                                       1);
  const re2::StringPiece text(path.data(), path.size());
  if (!regex.Match(text, 0, path.size(), re2::RE2::UNANCHORED, groups.data(),
                   static_cast<int>(groups.size())))
    return {};
  std::string out;
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] != '$' || i + 1 == text_.size() || !base::is_digit(text_[i + 1])) {
      out += text_[i];
      continue;
    }
    const auto group = static_cast<std::size_t>(text_[++i] - '0');
    if (group < groups.size()) out.append(groups[group].data(), groups[group].size());
  }
  return out;
}

base::Result<std::string> PathTemplate::apply(const RouteMatch& match,
                                              std::string_view path) const {
  std::string made = text_;
  if (match.regex()) {
    made = expand(*match.regex(), path);
  } else if (const auto prefix = prefix_of(text_)) {
    made.resize(prefix->size());
    made.append(match.rest_of(path));
    if (made.empty()) made = "/";
  }
  if (made.starts_with('/') && config::fits_path(made)) return made;
  return base::Error{base::Reason::bad_request, base::Fault::downstream,
                     "the path cannot be rewritten safely"};
}

}  // namespace routing
