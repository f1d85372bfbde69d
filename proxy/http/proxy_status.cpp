#include "proxy/http/proxy_status.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/field_names.hpp"

#include <algorithm>

namespace http {
namespace {

constexpr std::string_view begin_of_type = "; error=";
constexpr std::string_view begin_of_reason = "; details=\"";
constexpr std::string_view begin_of_reader = "; to=\"";
constexpr std::string_view unsent = "; unsent";

std::string_view quoted_after(std::string_view name, std::string_view member) {
  const std::size_t begin = member.find(name);
  if (begin == member.npos) return {};
  const std::string_view rest = member.substr(begin + name.size());
  const std::size_t end = rest.find('"');
  return end == rest.npos ? std::string_view() : rest.substr(0, end);
}

bool is_pseudonym(std::string_view text) {
  return !text.empty() && text.size() <= 255 &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return base::as_token_character(c) != 0; });
}

}  // namespace

void say_proxy_status(Headers& answer, std::string_view service, std::string_view type,
                      const ProxyStatus& status, std::string_view to) {
  std::string value = "outrider/";
  for (const char c : service) value += base::as_token_character(c) ? c : '_';
  value.append(begin_of_type).append(type);
  value.append(begin_of_reason).append(base::to_string(status.reason)).append("\"");
  if (is_pseudonym(to)) {
    value.append(begin_of_reader).append(to).append("\"");
    if (status.is_unsent) value.append(unsent);
  }
  answer.add(Name::proxy_status, value);
}

std::optional<ProxyStatus> proxy_status_for(const Headers& answer, std::string_view pseudonym) {
  std::optional<ProxyStatus> last;
  for (const Headers::Field field : answer) {
    if (field.id != Name::proxy_status) continue;
    base::for_each_element(field.value, [&](std::string_view member) {
      last.reset();
      if (!member.starts_with("outrider/") || member.find(begin_of_type) == member.npos ||
          pseudonym.empty() || quoted_after(begin_of_reader, member) != pseudonym)
        return true;
      const auto reason = base::reason_from(quoted_after(begin_of_reason, member));
      if (reason) last = ProxyStatus{*reason, member.ends_with(unsent)};
      return true;
    });
  }
  return last;
}

}  // namespace http
