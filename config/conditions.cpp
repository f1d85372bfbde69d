#include "config/conditions.hpp"

#include "proxy/base/ascii.hpp"

#include <algorithm>

namespace config {
namespace {

using base::Reason;

constexpr Reason connect_group[] = {Reason::dns_failure, Reason::connect_failure,
                                    Reason::connect_timeout, Reason::tls_failure};
constexpr Reason timeout_group[] = {Reason::response_timeout, Reason::total_timeout,
                                    Reason::idle_timeout};

constexpr std::string_view grpc_prefix = "grpc:";

std::optional<int> status_of(std::string_view text) {
  const auto status = base::parse_decimal<std::uint16_t>(text);
  if (text.size() != 3 || !status || *status < 100 || *status > 599) return std::nullopt;
  return *status;
}

std::vector<std::string_view> known_words() {
  std::vector<std::string_view> words = {"connect", "timeout", "5xx", "4xx"};
  for (std::size_t i = 1; i < base::reason_count; ++i)
    words.push_back(base::to_string(static_cast<Reason>(i)));
  return words;
}

std::vector<std::string_view> grpc_names() {
  std::vector<std::string_view> names;
  for (int status = 1; status < base::grpc_status_count; ++status)
    names.push_back(base::grpc_status_name(status));
  return names;
}

}  // namespace

Conditions::Conditions(std::initializer_list<std::string_view> texts) {
  for (const std::string_view text : texts) {
    [[maybe_unused]] const std::string problem = add(text);
    assert(problem.empty());
  }
}

std::string Conditions::add(std::string_view text) {
  std::string problem = set(text);
  if (problem.empty()) texts_.emplace_back(text);
  return problem;
}

std::string Conditions::set(std::string_view text) {
  const auto add_reasons = [this](auto& group) {
    for (const Reason reason : group) reasons_.set(static_cast<std::size_t>(reason));
  };
  const auto add_statuses = [this](int first, int last) {
    for (int status = first; status <= last; ++status)
      statuses_.set(static_cast<std::size_t>(status));
  };
  if (text.starts_with(grpc_prefix)) return set_grpc(text.substr(grpc_prefix.size()));
  if (text == "connect") return add_reasons(connect_group), "";
  if (text == "timeout") return add_reasons(timeout_group), "";
  if (const auto status = status_of(text)) return add_statuses(*status, *status), "";
  if (text.size() == 3 && text.ends_with("xx") && text[0] >= '1' && text[0] <= '5') {
    const int first = (text[0] - '0') * 100;
    add_statuses(first, first + 99);
    if (first == 500) statuses_.reset(501), statuses_.reset(505);
    return "";
  }
  if (const std::size_t dash = text.find('-'); dash != text.npos) {
    const auto first = status_of(text.substr(0, dash));
    const auto last = status_of(text.substr(dash + 1));
    if (first && last && *first <= *last) return add_statuses(*first, *last), "";
  }
  if (const auto reason = base::reason_from(text)) {
    reasons_.set(static_cast<std::size_t>(*reason));
    return "";
  }
  return "\"" + std::string(text) +
         "\" is neither a reason, a status such as 503, 5xx or 500-504, one of gRPC such as "
         "grpc:unavailable, nor connect or timeout" +
         did_you_mean(text, known_words());
}

std::string Conditions::set_grpc(std::string_view name) {
  const std::optional<int> status = base::grpc_status_from(name);
  if (status == 0) return "\"grpc:ok\" is a success: it cannot stand here";
  if (!status)
    return "\"" + std::string(name) + "\" is not a status of gRPC" +
           meant_or_known(name, grpc_names());
  grpc_.set(static_cast<std::size_t>(*status));
  return "";
}

void read_conditions(const Node& node, const Reading& reading, const std::vector<Reason>& never,
                     Conditions& into, std::string_view why) {
  into = Conditions();
  const auto add = [&](const Node& item) {
    const std::string* text = scalar_of(item, reading, "a condition");
    if (!text) return;
    if (std::string problem = into.add(*text); !problem.empty())
      return reading.mistake(item, std::move(problem));
    const auto reason = base::reason_from(*text);
    if (reason && std::find(never.begin(), never.end(), *reason) != never.end())
      reading.mistake(item, "\"" + *text + "\" " + std::string(why) + ": it cannot stand here");
  };
  if (!node.is_scalar() && !node.is_list())
    return reading.mistake(node, wrong_kind(node, "a list of conditions"));
  if (node.is_scalar()) add(node);
  for (const NodePtr& item : node.items) add(*item);
  for (const Reason reason : never) into.remove(reason);
}

}  // namespace config
