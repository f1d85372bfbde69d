#include "proxy/process/collector.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/within.hpp"
#include "proxy/http/date.hpp"
#include "proxy/net/connector.hpp"

#include <utility>
#include <vector>

namespace process {
namespace {

constexpr std::size_t most_of_answer = 64 * 1024;

// Seconds, or a date.
std::optional<base::Duration> pause_of(const http::Headers& headers, base::WallTime now) {
  const auto field = headers.find(http::Name::retry_after);
  if (!field) return std::nullopt;
  if (const auto seconds = base::parse_decimal<std::uint32_t>(*field))
    return std::chrono::seconds{*seconds};
  const auto date = http::parse_date(*field, std::chrono::floor<std::chrono::seconds>(now));
  if (!date) return std::nullopt;
  return std::max(base::Duration::zero(),
                  std::chrono::duration_cast<base::Duration>(*date - now));
}

}  // namespace

Collector::Collector(base::EventLoop& loop, net::Resolver& resolver, config::Trace place,
                     std::shared_ptr<const certs::TlsContext> tls)
    : loop_(loop), resolver_(resolver), place_(std::move(place)), tls_(std::move(tls)) {}

Collector::~Collector() = default;

base::Task<CollectorAnswer> Collector::post(const std::string& body, base::Time until) {
  base::FixedLimit limit(loop_, until);
  base::Task<CollectorAnswer> asking = ask(body, until);
  std::optional<CollectorAnswer> answer = co_await base::within(std::move(asking), limit);
  if (answer) co_return std::move(*answer);
  CollectorAnswer late;
  late.problem = "it does not answer in time";
  co_return late;
}

// What a connection that had served before does not take is sent once more on a fresh one.
base::Task<CollectorAnswer> Collector::ask(const std::string& body, base::Time until) {
  CollectorAnswer answer;
  bool must_be_fresh = false;
  for (;;) {
    if (connection_ && (must_be_fresh || is_closed_ || !connection_->is_idle() ||
                        connection_->is_stale()))
      connection_.reset();
    const bool is_fresh = !connection_;
    if (is_fresh) answer.problem = co_await connect(until);
    if (!connection_) co_return answer;
    const std::unique_ptr<http::ClientStream> stream = connection_->open();
    const http::RequestHead head = head_of(body.size());
    base::Result<void> sent = stream->send_head(head, false);
    if (sent) {
      base::Bytes bytes = base::Bytes::copy_of(body);
      sent = co_await stream->write(std::move(bytes));
    }
    if (sent) sent = stream->finish({});
    http::Reply reply(sent ? base::Error{} : sent.error());
    if (sent) reply = co_await stream->read_head(*this);
    must_be_fresh = !reply;
    if (!reply && !is_fresh) continue;
    if (!reply) {
      answer.problem = in_words(reply.error());
      co_return answer;
    }
    while (stream->has_body() && answer.body.size() < most_of_answer) {
      const base::Result<base::Bytes> piece = co_await stream->read();
      if (!piece || piece->empty()) break;
      answer.body += piece->view();
    }
    answer.status = reply->status;
    answer.retry_after = pause_of(reply->headers, loop_.wall(loop_.now()));
    co_return answer;
  }
}

base::Task<std::string> Collector::connect(base::Time until) {
  std::vector<base::Address> addresses;
  if (const auto address = base::Address::parse_ip(place_.host, place_.port)) {
    addresses.push_back(*address);
  } else {
    net::Question question;
    question.name = place_.host;
    question.port = place_.port;
    const base::Result<net::Resolved> found = co_await resolver_.resolve(std::move(question));
    if (!found) co_return "its name is not known: " + found.error().cause.message();
    addresses = found->addresses;
  }
  std::string problem;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    // One that is silent leaves the others their time.
    const base::Time share = loop_.now() + (until - loop_.now()) / static_cast<int>(addresses.size() - i);
    auto connected = co_await net::connect(loop_, addresses[i], tls_, share, net::Offer::as_configured);
    if (connected) {
      is_closed_ = false;
      http1::ClientConnection::Owner& owner = *this;
      connection_ = std::make_unique<http1::ClientConnection>(std::move(*connected), limits_, owner);
      co_return "";
    }
    problem = in_words(connected.error());
  }
  co_return problem;
}

http::RequestHead Collector::head_of(std::size_t size) const {
  http::RequestHead head;
  head.method = http::Method::post;
  head.scheme = place_.is_tls ? "https" : "http";
  head.authority = place_.authority;
  head.path = place_.path;
  head.headers.add("user-agent", "outrider/" OUTRIDER_VERSION);
  head.headers.add(http::Name::content_type, "application/json");
  head.headers.add(http::Name::content_length, std::to_string(size));
  for (const auto& [name, value] : place_.headers) head.headers.set(name, value);
  return head;
}

}  // namespace process
