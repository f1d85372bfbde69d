#include "proxy/admin/watch_stream.hpp"

#include "proxy/admin/admin.hpp"
#include "proxy/base/event.hpp"
#include "proxy/base/json.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace admin {
namespace {

constexpr base::Millis interval{1000};

// Without what ends it: an event has no line break in it.
std::string_view line_of(std::string_view text) {
  return text.substr(0, text.find('\n'));
}

// All of it, however long.
std::string quoted(std::string_view text) {
  std::string json = "\"";
  base::append_json(json, text, text.size());
  return json += '"';
}

class WatchStream final : public http::OwnedSource {
 public:
  explicit WatchStream(AdminSource& source) : nothing_(source.loop()), source_(source) {}

  http::Task<http::Result<http::Bytes>> read() override {
    if (std::exchange(has_begun_, true))
      co_await nothing_.wait(nothing_.loop().now() + interval);
    const std::string clusters = co_await source_.clusters();
    const std::string metrics = co_await source_.metrics();
    const std::string stats = source_.stats();
    base::JsonWriter json;
    json.open('{').key("stats").raw(line_of(stats)).key("clusters").raw(line_of(clusters));
    json.key("metrics").raw(quoted(metrics));
    const std::string event = "data: " + json.close('}').take() + "\n";  // take() ends the line
    co_return http::Bytes::copy_of(event);
  }

 private:
  base::Event nothing_;  // never set: only time passes
  AdminSource& source_;
  bool has_begun_ = false;
};

}  // namespace

http::Response watch_stream(AdminSource& source) {
  http::Response response;
  response.status = 200;
  response.is_from_upstream = false;
  response.headers.add(http::Name::content_type, "text/event-stream");
  response.headers.add("cache-control", "no-store");
  response.body = http::Body(new WatchStream(source));
  return response;
}

}  // namespace admin
