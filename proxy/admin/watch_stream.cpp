#include "proxy/admin/watch_stream.hpp"

#include "proxy/admin/admin.hpp"
#include "proxy/base/event.hpp"
#include "proxy/base/json.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace admin {
namespace {

constexpr base::Millis interval{500};
constexpr base::Millis fresh{400};    // so old may what is told be: nobody is told the same twice
constexpr base::Millis a_moment{20};  // for another to have it made

// Without what ends it: an event has no line break in it.
std::string_view line_of(std::string_view text) {
  return text.substr(0, text.find('\n'));
}

// All of it, however long.
std::string in_quotes(std::string_view text) {
  std::string json = "\"";
  base::append_json(json, text, text.size());
  return json += '"';
}

// Whoever makes an event may leave before it is made.
class Making {
 public:
  explicit Making(bool& flag) : flag_(flag) { flag_ = true; }
  Making(const Making&) = delete;
  Making& operator=(const Making&) = delete;
  ~Making() { flag_ = false; }

 private:
  bool& flag_;
};

}  // namespace

class WatchFeed::Stream final : public http::OwnedSource {
 public:
  explicit Stream(std::shared_ptr<WatchFeed> feed) : feed_(std::move(feed)) {}

  http::Task<http::Result<http::Bytes>> read() override {
    base::Loop& loop = feed_->source_.loop();
    if (std::exchange(has_begun_, true)) co_await base::sleep_until(loop, loop.now() + interval);
    const std::string event = co_await feed_->event();
    co_return http::Bytes::copy_of(event);
  }

 private:
  const std::shared_ptr<WatchFeed> feed_;
  bool has_begun_ = false;
};

base::Task<std::string> WatchFeed::event() {
  base::Loop& loop = source_.loop();
  while (is_being_made_) co_await base::sleep_until(loop, loop.now() + a_moment);
  if (!last_.empty() && loop.now() < made_at_ + fresh) co_return last_;
  const Making making(is_being_made_);
  last_ = co_await made();
  made_at_ = loop.now();
  co_return last_;
}

base::Task<std::string> WatchFeed::made() const {
  const std::string clusters = co_await source_.clusters();
  const std::string metrics = co_await source_.metrics();
  const std::string stats = source_.stats();
  base::JsonWriter json;
  json.open('{').key("stats").raw(line_of(stats)).key("clusters").raw(line_of(clusters));
  json.key("metrics").raw(in_quotes(metrics));
  co_return "data: " + json.close('}').take() + "\n";  // take() ends the line
}

http::Response WatchFeed::stream() {
  http::Response response;
  response.status = 200;
  response.is_from_upstream = false;
  response.headers.add(http::Name::content_type, "text/event-stream");
  response.headers.add("cache-control", "no-store");
  response.body = http::Body(new Stream(shared_from_this()));
  return response;
}

}  // namespace admin
