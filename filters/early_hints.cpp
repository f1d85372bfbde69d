// Tells clients what an answer will need before it has come: the links of a path's last answer go
// out as 103 Early Hints (RFC 8297). What one client was sent another is told, so nothing is kept
// of answers that were meant for one alone.
#include "filters/hint_store.hpp"
#include "filters/registry.hpp"
#include "proxy/base/ascii.hpp"
#include "proxy/http/hinted_links.hpp"

namespace filters {
namespace {

using base::Task;
using http::Headers;
using http::Name;
using http::Next;
using http::Reply;
using http::Request;

constexpr std::size_t longest_key = 1024;
constexpr std::size_t most_link_bytes = 4 * 1024;  // of one path
constexpr std::string_view link_field = "link";

struct Options {
  std::uint64_t max_paths = 1000;
  std::uint64_t max_links = 16;
};

const config::Table<Options>& table() {
  using namespace config;
  static const Table<Options> rows = {
      integer<Options>("max_paths", &Options::max_paths, 1, 1'000'000, "1000",
                       "that are known; the least recently asked for is forgotten"),
      integer<Options>("max_links", &Options::max_links, 1, 100, "16", "of one path"),
  };
  return rows;
}

// For one client: by its credentials, or as the answer says of itself.
bool is_personal(const Headers& request, const http::Response& response) {
  if (request.contains("authorization") || response.headers.contains("set-cookie")) return true;
  bool is_kept_apart = false;
  for (const Headers::Field field : response.headers) {
    if (!base::same_ignoring_case(field.name, "cache-control")) continue;
    base::for_each_element(field.value, [&](std::string_view directive) {
      const std::string_view name = base::trim(directive.substr(0, directive.find('=')));
      is_kept_apart = is_kept_apart || base::same_ignoring_case(name, "private") ||
                      base::same_ignoring_case(name, "no-store");
      return !is_kept_apart;
    });
  }
  return is_kept_apart;
}

Hints hints_in(const Headers& answer, std::size_t most) {
  Hints hints;
  std::size_t left = most_link_bytes;
  for (const Headers::Field field : answer) {
    if (!base::same_ignoring_case(field.name, link_field)) continue;
    for (const std::string_view link : http::hinted_links(field.value)) {
      if (hints.size() == most || link.size() > left) return hints;
      left -= link.size();
      hints.emplace_back(link);
    }
  }
  return hints;
}

class EarlyHints final : public http::Filter {
 public:
  EarlyHints(const Options& options, std::shared_ptr<HintStore> store)
      : options_(options), store_(std::move(store)) {}

  Task<Reply> handle(Request& request, Next next) override {
    if (request.method != http::Method::get || !request.protocol.empty()) return next(request);
    return with_hints(request, next);
  }

 private:
  Task<Reply> with_hints(Request& request, Next next) {
    std::string key = http::asked_of(request).append(request.path_only());
    const bool is_first = request.info.attempts == 0;  // below a retry: once is enough
    if (const auto known = store_->find(key); known && is_first) send(*known, request.interim);
    Reply reply = co_await next(request);
    if (reply && reply->is_from_upstream && reply->status == 200)
      learn(std::move(key), request, *reply);
    co_return reply;
  }

  static void send(const Hints& hints, http::Interim& to) {
    Headers headers;
    for (const std::string& link : hints) headers.add(link_field, link);
    to.send_interim(103, headers);
  }

  void learn(std::string key, const Request& request, const http::Response& response) {
    if (key.size() > longest_key || is_personal(request.headers, response)) return;
    store_->put(std::move(key), hints_in(response.headers, options_.max_links));
  }

  const Options& options_;
  const std::shared_ptr<HintStore> store_;
};

constexpr config::FilterSpec spec =
    config::spec_of<table>("early_hints", "103 with the links of a path's last answer");

}  // namespace

const Entry early_hints = {
    &spec, [](const config::FilterConfig& config, const FilterContext& context) {
      const Options& options = config.as<Options>();
      auto store = context.process<HintStore>(
          "early_hints", [&] { return std::make_shared<HintStore>(options.max_paths); });
      return std::unique_ptr<http::Filter>(std::make_unique<EarlyHints>(options, std::move(store)));
    }};

}  // namespace filters
