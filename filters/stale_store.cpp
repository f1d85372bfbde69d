#include "filters/stale_store.hpp"

#include "proxy/base/ascii.hpp"

#include <algorithm>
#include <initializer_list>
#include <optional>

namespace filters {
namespace {

using base::Time;
using http::Headers;
using http::Name;
using Fields = StaleStore::Fields;

constexpr std::size_t most_variants = 16;      // of one path
constexpr std::size_t cost_of_entry = 512;     // of what holds it
constexpr std::size_t cost_of_field = 2 * 32;  // beside its text

// Calls visit(element in lower case) for each in the lists of all fields of that name.
template <typename Visit>
void for_each_in(const Headers& headers, std::string_view name, Visit visit) {
  for (const Headers::Field field : headers)
    if (field.name == name)
      base::for_each_element(field.value, [&](std::string_view element) {
        visit(base::lower_case(base::trim(element)));
        return true;
      });
}

bool has_directive(const Headers& headers, std::initializer_list<std::string_view> directives) {
  bool has_one = false;
  for_each_in(headers, "cache-control", [&](const std::string& element) {
    const std::string_view name =
        base::trim(std::string_view(element).substr(0, element.find('=')));
    has_one = has_one || std::find(directives.begin(), directives.end(), name) != directives.end();
  });
  return has_one;
}

// All lines of one name, as a request says them.
std::string said(const http::Request& request, std::string_view name) {
  if (name == "host") return http::asked_of(request);
  std::string text;
  for (const Headers::Field field : request.headers)
    if (field.name == name) text.append(field.value).append("\n");
  return text;
}

bool is_for(const StaleStore::Answer& answer, const http::Request& request) {
  return std::all_of(answer.vary.begin(), answer.vary.end(),
                     [&](const auto& field) { return said(request, field.first) == field.second; });
}

base::Duration age_of(const Headers& headers) {
  const auto age = headers.find("age");
  const auto seconds = age ? base::parse_decimal<std::uint32_t>(*age) : std::nullopt;
  return std::chrono::seconds{seconds.value_or(0)};
}

}  // namespace

std::string StaleStore::key_of(const http::Request& request) {
  std::string key(request.method == http::Method::head ? "HEAD " : "GET ");
  return key.append(http::asked_of(request)).append(" ").append(request.path);
}

bool StaleStore::takes(const http::Request& request) {
  const bool reads = request.method == http::Method::get || request.method == http::Method::head;
  const Headers& asked = request.headers;
  return reads && request.protocol.empty() && !asked.contains(Name::authorization) &&
         !asked.contains(Name::cookie) && !asked.contains(Name::range) &&
         !has_directive(asked, {"no-store"});
}

bool StaleStore::takes(const http::Response& response) {
  const Headers& answered = response.headers;
  if (response.status != 200 || !response.is_from_upstream) return false;
  if (response.body.size().value_or(0) > largest || answered.contains(Name::set_cookie))
    return false;
  bool varies_on_all = false;
  for_each_in(answered, "vary",
              [&](const std::string& name) { varies_on_all = varies_on_all || name == "*"; });
  return !varies_on_all && !has_directive(answered, {"private", "no-store"});
}

std::shared_ptr<const StaleStore::Answer> StaleStore::find(const std::string& key,
                                                           const http::Request& request, Time now) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  for (auto kept = found->second.rbegin(); kept != found->second.rend(); ++kept) {
    if (!is_for(*kept->answer, request)) continue;
    std::shared_ptr<const Answer> answer = kept->answer;
    if (now - answer->kept + answer->age > max_age_) {
      erase(*kept);
      return nullptr;
    }
    kept->unlink();
    by_use_.push_back(*kept);
    return answer;
  }
  return nullptr;
}

bool StaleStore::reserve(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > max_size_) return false;
  while (used_ + bytes > max_size_) {
    Kept* oldest = by_use_.front();
    if (!oldest) return false;
    erase(*oldest);
  }
  used_ += bytes;
  return true;
}

void StaleStore::release(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  used_ -= bytes;
}

// From here on the entry gives back the bytes that its draft has reserved.
void StaleStore::keep(const std::string& key, Answer answer, std::size_t cost) {
  auto shared = std::make_shared<const Answer>(std::move(answer));
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.try_emplace(key).first;
  Variants& variants = found->second;
  for (Kept& other : variants)
    if (other.answer->vary == shared->vary) {
      other.answer = std::move(shared);
      used_ -= std::exchange(other.cost, cost);
      other.unlink();
      return by_use_.push_back(other);
    }
  by_use_.push_back(variants.emplace_back(found->first, std::move(shared), cost));
  if (variants.size() > most_variants) erase(variants.front());
}

void StaleStore::erase(Kept& kept) {
  used_ -= kept.cost;
  const auto found = by_key_.find(kept.key);
  Variants& variants = found->second;
  variants.remove_if([&](const Kept& each) { return &each == &kept; });
  if (variants.empty()) by_key_.erase(found);
}

StaleStore::Draft::Draft(StaleStore& store, std::string key, const http::Request& request,
                         const http::Response& response)
    : store_(store), key_(std::move(key)) {
  std::size_t cost = cost_of_entry + key_.size();
  for (const Headers::Field field : response.headers) {
    if (field.name == "age") continue;
    answer_.headers.emplace_back(field.name, field.value);
    cost += field.name.size() + field.value.size() + cost_of_field;
  }
  for_each_in(response.headers, "vary", [&](const std::string& name) {
    answer_.vary.emplace_back(name, said(request, name));
    cost += name.size() + answer_.vary.back().second.size() + cost_of_field;
  });
  answer_.age = age_of(response.headers);
  is_too_large_ = !store_.reserve(cost);
  if (!is_too_large_) cost_ = cost;
}

bool StaleStore::Draft::add(std::string_view piece) {
  is_too_large_ = is_too_large_ || answer_.body.size() + piece.size() > largest ||
                  !store_.reserve(piece.size());
  if (is_too_large_) return false;
  cost_ += piece.size();
  answer_.body += piece;
  return true;
}

void StaleStore::Draft::keep(Time now) {
  if (is_too_large_) return;
  answer_.body.shrink_to_fit();
  answer_.kept = now;
  store_.keep(key_, std::move(answer_), std::exchange(cost_, 0));
}

}  // namespace filters
