#include "filters/key.hpp"

#include <algorithm>
#include <functional>

namespace filters {
namespace {

using config::ExchangeField;

// Of one selector's value. A longer one is told by its beginning and a hash: a client that makes
// two values collide only shares a limit with itself.
constexpr std::size_t longest_part = 128;

std::string_view shortened(std::string_view part, std::string& room) {
  if (part.size() <= longest_part) return part;
  room.assign(part.substr(0, longest_part - 1));
  room.append("#").append(std::to_string(std::hash<std::string_view>{}(part)));
  return room;
}

// A request as expressions ask for it, before there is an answer.
class Asked final : public config::Described {
 public:
  explicit Asked(const http::Request& request) : request_(request) {}

  std::string_view text(ExchangeField field) const override {
    const http::StreamInfo& info = request_.info;
    switch (field) {
      case ExchangeField::listener:
        return info.listener;
      case ExchangeField::direction:
        return info.is_outbound ? "outbound" : "inbound";
      case ExchangeField::route:
        return info.route;
      case ExchangeField::method:
        return request_.method_text();
      case ExchangeField::host:
        return request_.authority;
      case ExchangeField::path:
        return request_.path_only();
      case ExchangeField::protocol:
        return info.connection.protocol;
      case ExchangeField::cluster:
        return info.cluster;
      case ExchangeField::peer_id:
        return info.connection.peer_id;
      case ExchangeField::source: {
        const base::Address& source = info.source();
        source_ = source.is_unix() ? source.to_string() : source.ip();
        return source_;
      }
      default:
        return {};
    }
  }
  std::int64_t number(ExchangeField) const override { return -1; }

 private:
  const http::Request& request_;
  mutable std::string source_;
};

bool is_of_route(ExchangeField field) {
  return field == ExchangeField::route || field == ExchangeField::cluster;
}

const config::NamedField& named(ExchangeField field) {
  const auto all = config::exchange_fields();
  return *std::find_if(all.begin(), all.end(),
                       [field](const config::NamedField& each) { return each.field == field; });
}

// Whether it was meant as one.
bool looks_like_expression(std::string_view text) {
  return text.find_first_of(" =<>!()") != text.npos;
}

}  // namespace

bool Key::Part::needs_route() const {
  if (selector) return selector->needs_route();
  const std::vector<ExchangeField> fields = expression->fields();
  return std::any_of(fields.begin(), fields.end(), is_of_route);
}

std::string_view Key::Part::of(const http::Request& request, std::string& room) const {
  if (selector) return shortened(selector->of(request).value_or(std::string_view()), room);
  const Asked asked(request);
  const auto field = expression->only_field();
  if (!field) return expression->holds_for(asked) ? "1" : "0";
  const std::string text(asked.text(*field));
  if (shortened(text, room).data() != room.data()) room = text;
  return room;
}

std::string Key::add(std::string_view text) {
  http::Selector::Parsed parsed = http::Selector::parse(text);
  Part part{std::move(parsed.selector), nullptr};
  if (!part.selector) {
    config::ParsedExpression expression = config::parse_expression(text);
    if (!expression.value)
      return looks_like_expression(text)
                 ? std::move(expression.problem)
                 : parsed.problem + ", and expressions such as `method == POST`";
    for (const ExchangeField field : expression.value->fields())
      if (!named(field).is_asked_first)
        return '`' + std::string(named(field).name) +
               "` is not known before the request was answered";
    part.expression = std::move(expression.value);
  }
  parts_.push_back(std::move(part));
  texts_.emplace_back(text);
  return {};
}

bool Key::needs_route() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& each) { return each.needs_route(); });
}

// Joined parts stand behind their lengths, so that no two lists of parts look alike.
std::string_view Key::of(const http::Request& request, std::string& room) const {
  if (parts_.empty()) return {};
  if (parts_.size() == 1) return parts_.front().of(request, room);
  room.clear();
  std::string part_room;
  for (const Part& each : parts_) {
    const std::string_view part = each.of(request, part_room);
    room += static_cast<char>(part.size());
    room += part;
  }
  return room;
}

void read_key(const config::Node& node, const config::Reading& reading, Key& into) {
  into = Key();
  config::for_each_text(node, reading, [&](const config::Node& item, const std::string& text) {
    if (std::string problem = into.add(text); !problem.empty())
      reading.mistake(item, std::move(problem));
  });
  if (node.is_list() && node.items.empty())
    reading.mistake(node, "a key of nothing: leave `key` out if all requests are alike");
}

config::NodePtr write_key(const Key& key) {
  if (key.is_empty()) return nullptr;
  return key.texts().size() == 1 ? config::scalar(key.texts().front())
                                 : config::list_of(key.texts());
}

}  // namespace filters
