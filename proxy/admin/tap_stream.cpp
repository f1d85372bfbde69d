#include "proxy/admin/tap_stream.hpp"

#include "proxy/base/event.hpp"

#include <utility>

namespace admin {
namespace {

constexpr base::Millis longest_silence{15'000};

class TapStream final : public http::OwnedSource {
 public:
  TapStream(base::Loop& loop, observe::Tap& tap, std::shared_ptr<const config::Expression> when)
      : came_(std::make_shared<base::Event>(loop)),
        watcher_(tap, std::move(when),
                 [&loop, came = came_] { loop.post([came] { came->set(); }); }) {}

  http::Task<http::Result<http::Bytes>> read() override {
    if (!std::exchange(has_begun_, true)) co_return http::Bytes::copy_of(": tap\n\n");
    observe::Tap::Watcher::Taken taken = watcher_.take();
    while (taken.lines.empty()) {
      const bool came = co_await came_->wait(came_->loop().now() + longest_silence);
      if (!came) co_return http::Bytes::copy_of(":\n\n");
      taken = watcher_.take();
    }
    std::string text;
    for (const std::string& line : taken.lines) text.append("data: ").append(line) += '\n';
    if (taken.lost > 0) text += "event: lost\ndata: " + std::to_string(taken.lost) + "\n\n";
    co_return http::Bytes::copy_of(text);
  }

 private:
  const std::shared_ptr<base::Event> came_;  // also a worker's that is on its way
  observe::Tap::Watcher watcher_;
  bool has_begun_ = false;
};

}  // namespace

http::Response tap_stream(base::Loop& loop, observe::Tap& tap,
                          std::shared_ptr<const config::Expression> when) {
  http::Response response;
  response.status = 200;
  response.is_from_upstream = false;
  response.headers.add(http::Name::content_type, "text/event-stream");
  response.headers.add("cache-control", "no-store");
  response.body = http::Body(new TapStream(loop, tap, std::move(when)));
  return response;
}

}  // namespace admin
