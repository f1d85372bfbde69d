#include "proxy/http/proxy_status.hpp"

#include "proxy/base/ascii.hpp"

namespace http {
namespace {

using base::Reason;

// Of `outrider/NAME; error=TYPE; details="REASON"`, as say_proxy_status() of local_reply writes it.
std::optional<Reason> reason_in(std::string_view member) {
  if (!member.starts_with("outrider/")) return std::nullopt;
  constexpr std::string_view details = "; details=\"";
  const std::size_t begin = member.find(details);
  if (begin == member.npos || member.find("; error=") == member.npos) return std::nullopt;
  const std::string_view rest = member.substr(begin + details.size());
  const std::size_t end = rest.find('"');
  return end == rest.npos ? std::nullopt : base::reason_from(rest.substr(0, end));
}

}  // namespace

std::optional<Reason> reason_of_proxy(const Headers& answer) {
  std::optional<Reason> last;
  for (const Headers::Field field : answer) {
    if (field.id != Name::proxy_status) continue;
    base::for_each_element(field.value, [&last](std::string_view member) {
      if (const std::optional<Reason> reason = reason_in(member)) last = reason;
      return true;
    });
  }
  return last;
}

bool means_unsent(Reason reason) {
  switch (reason) {
    case Reason::no_endpoint:
    case Reason::circuit_open:
    case Reason::pool_full:
    case Reason::bulkhead_full:
    case Reason::shed:
    case Reason::dns_failure:
    case Reason::connect_failure:
    case Reason::tls_failure:
    case Reason::connect_timeout:
    case Reason::refused:
      return true;
    default:
      return false;
  }
}

}  // namespace http
