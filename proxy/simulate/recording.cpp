#include "proxy/simulate/recording.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/system_cause.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <tuple>

namespace simulate {
namespace {

using base::Duration;
using base::Reason;

constexpr std::size_t most_times = 100'000;  // that are kept of a service
constexpr std::uint64_t most_lines = 20'000'000;
constexpr std::size_t most_names = 5;  // that are told

// Milliseconds since 1970 of "2026-01-31T12:34:56.789Z".
std::optional<std::int64_t> parse_timestamp(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, millis = 0, used = 0;
  const std::string copy(text);
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year, &month, &day, &hour,
                  &minute, &second, &millis, &used) != 7 ||
      static_cast<std::size_t>(used) != copy.size())
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch();
  return std::chrono::duration_cast<Millis>(days).count() +
         ((hour * 60LL + minute) * 60 + second) * 1'000 + millis;
}

using Object = boost::json::object;

std::string text_in(const Object& object, std::string_view name) {
  const auto* found = object.if_contains({name.data(), name.size()});
  if (!found || !found->is_string()) return {};
  return std::string(found->get_string().data(), found->get_string().size());
}

double number_in(const Object& object, std::string_view name) {
  const auto* found = object.if_contains({name.data(), name.size()});
  if (!found || !found->is_number()) return 0;
  return found->to_number<double>();
}

constexpr int least_error = 400;
constexpr int least_failure = 500;

// The upstream's own failure to answer, not what a policy made of it.
bool is_of_upstream(Reason reason) {
  switch (reason) {
    case Reason::dns_failure:
    case Reason::connect_failure:
    case Reason::connect_timeout:
    case Reason::tls_failure:
    case Reason::refused:
    case Reason::reset:
    case Reason::upstream_protocol_error:
    case Reason::response_timeout:
    case Reason::response_aborted:
    case Reason::total_timeout:
      return true;
    default:
      return false;
  }
}

struct Entry {
  std::int64_t at;  // milliseconds
  std::uint32_t asked;
  std::uint32_t client;
};

class Recorded final : public Traffic {
 public:
  Recorded(std::vector<Entry> entries, std::vector<Asked> asked, std::int64_t begin)
      : entries_(std::move(entries)), asked_(std::move(asked)), begin_(begin) {}
  std::optional<Arrival> next() override {
    if (position_ == entries_.size()) return std::nullopt;
    const Entry& entry = entries_[position_++];
    return Arrival{Millis{entry.at - begin_}, entry.client, &asked_[entry.asked]};
  }

 private:
  const std::vector<Entry> entries_;
  const std::vector<Asked> asked_;
  const std::int64_t begin_;
  std::size_t position_ = 0;
};

// What a cluster's upstream did.
struct Upstream {
  struct Second {
    std::uint64_t answers = 0;
    std::vector<RecordedEnd> ends;  // but those that went well

    void add(int status, Reason reason) {
      const auto found = std::find_if(ends.begin(), ends.end(), [&](const RecordedEnd& end) {
        return end.status == status && end.reason == reason;
      });
      ++(found != ends.end() ? *found : ends.emplace_back(RecordedEnd{status, reason, 0})).count;
    }
  };
  std::vector<float> times;
  std::map<std::int64_t, Second> seconds;
};

class Reader {
 public:
  explicit Reader(const config::Config& config) : config_(config) {}

  // Whether it held a request.
  bool take(const Object& line) {
    const std::optional<std::int64_t> begun = parse_timestamp(text_in(line, "ts"));
    const std::string path = text_in(line, "path"), method = text_in(line, "method");
    if (!begun || !path.starts_with('/') || method.empty() || method == "CONNECT") return false;
    const Object none;
    const auto* ms = line.if_contains("ms");
    const Object& times = ms && ms->is_object() ? ms->get_object() : none;
    last_ = std::max(last_, *begun + static_cast<std::int64_t>(number_in(times, "total")));
    entries_.push_back({*begun, asked(line, method, path), client(text_in(line, "source"))});
    note_upstream(line, times, *begun);
    return true;
  }

  Recording finish(Scenario& scenario) {
    std::stable_sort(entries_.begin(), entries_.end(),
                     [](const Entry& a, const Entry& b) { return a.at < b.at; });
    Recording made;
    if (entries_.empty()) return made;
    const std::int64_t begin = entries_.front().at;
    made.length = Millis{last_ - begin + 1};
    made.requests = entries_.size();
    made.redirected = redirected_;
    made.unknown_listeners = std::move(unknown_listeners_);
    for (auto& [cluster, upstream] : upstreams_) add(scenario, cluster, upstream, begin);
    made.traffic = std::make_unique<Recorded>(std::move(entries_), std::move(asked_), begin);
    return made;
  }

 private:
  using AskedKey = std::tuple<std::string, std::string, std::string, std::string>;

  std::uint32_t asked(const Object& line, const std::string& method, const std::string& path) {
    std::string listener = text_in(line, "listener");
    const bool is_known = std::any_of(
        config_.listeners.begin(), config_.listeners.end(), [&](const config::Listener& each) {
          return each.name == listener && each.carries_requests();
        });
    if (!is_known && !listener.empty()) {
      ++redirected_;
      if (unknown_listeners_.size() < most_names) unknown_listeners_.insert(listener);
      listener.clear();
    }
    const std::string host = text_in(line, "host");
    const auto [found, is_new] = numbers_.try_emplace(AskedKey{listener, method, host, path},
                                                      static_cast<std::uint32_t>(asked_.size()));
    if (is_new)
      asked_.push_back({listener, method, host.empty() ? "simulated" : host, path, {}, 1, {}});
    return found->second;
  }
  std::uint32_t client(const std::string& source) {
    return clients_.try_emplace(source, static_cast<std::uint32_t>(clients_.size())).first->second;
  }
  // Of exchanges of one attempt: of others the times are those of all attempts together.
  void note_upstream(const Object& line, const Object& times, std::int64_t at) {
    const std::string cluster = text_in(line, "cluster");
    if (!config_.find_cluster(cluster) || number_in(line, "attempts") < 1) return;
    const Reason reason = base::reason_from(text_in(line, "reason")).value_or(Reason::none);
    const int status = static_cast<int>(number_in(line, "status"));
    Upstream& upstream = upstreams_[cluster];
    Upstream::Second& second = upstream.seconds[at / 1'000];
    const bool had_none = is_of_upstream(reason);
    const bool has_failed = had_none || (reason == Reason::none && status >= least_failure);
    ++second.answers;
    if (had_none)
      second.add(0, reason);
    else if (reason == Reason::none && status >= least_error)
      second.add(status, reason);
    const double took = number_in(times, "first_byte") - number_in(times, "queue") -
                        number_in(times, "connect");
    if (!has_failed && number_in(line, "attempts") == 1 && took > 0 &&
        upstream.times.size() < most_times)
      upstream.times.push_back(static_cast<float>(took));
  }
  static void add(Scenario& scenario, const std::string& cluster, Upstream& upstream,
                  std::int64_t begin) {
    if (!scenario.marks.contains(cluster))
      scenario.services[cluster].recorded = std::move(upstream.times);
    for (auto& [second, seen] : upstream.seconds) {
      if (seen.ends.empty()) continue;
      Happening event;
      event.at = std::max(Millis{second * 1'000 - begin}, Millis{0});
      event.length = Millis{(second + 1) * 1'000 - begin} - event.at;
      event.what = Trouble::errors;
      event.service = cluster;
      event.recorded = std::move(seen.ends);
      event.answers = seen.answers;
      scenario.happenings.push_back(std::move(event));
    }
  }

  const config::Config& config_;
  std::vector<Entry> entries_;
  std::vector<Asked> asked_;
  std::map<AskedKey, std::uint32_t> numbers_;
  std::map<std::string, std::uint32_t> clients_;
  std::map<std::string, Upstream> upstreams_;
  std::uint64_t redirected_ = 0;
  std::set<std::string> unknown_listeners_;
  std::int64_t last_ = INT64_MIN;
};

Recording failed(const std::string& file, std::uint64_t line, const std::string& why) {
  Recording none;
  none.problem = file + (line > 0 ? ':' + std::to_string(line) : "") + ": " + why;
  return none;
}

}  // namespace

Recording read_recording(const std::string& file, const config::Config& config,
                         Scenario& scenario) {
  std::ifstream input(file);
  if (!input) return failed(file, 0, "cannot read it: " + base::system_cause(errno).message());
  Reader reader(config);
  std::uint64_t skipped = 0, number = 0;
  for (std::string line; std::getline(input, line) && number < most_lines;) {
    ++number;
    if (line.empty()) continue;
    boost::system::error_code problem;
    const boost::json::value parsed = boost::json::parse({line.data(), line.size()}, problem);
    if (problem || !parsed.is_object())
      return failed(file, number,
                    "this is no JSON object: an access log of `format: json` is wanted, one "
                    "object a line");
    if (!reader.take(parsed.get_object())) ++skipped;
  }
  Recording made = reader.finish(scenario);
  made.skipped = skipped;
  if (!made.traffic)
    return failed(file, 0, "it holds no request: lines with `ts`, `method` and `path` are wanted");
  return made;
}

}  // namespace simulate
