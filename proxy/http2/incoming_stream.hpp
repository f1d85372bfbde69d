// One request and its answer on a downstream HTTP/2 connection. See server.hpp.
#pragma once

#include "proxy/base/loop.hpp"
#include "proxy/http/body_pace.hpp"
#include "proxy/http2/server.hpp"

#include <optional>

namespace http2 {

class ServerConnection::IncomingStream final : public Stream,
                                               public http::ServerStream,
                                               public http::Body::Source,
                                               public base::Reapable,
                                               public base::Pooled {
 public:
  explicit IncomingStream(ServerConnection& connection)
      : Stream(connection.loop()), connection_(connection) {}
  ~IncomingStream();

  http::Incoming incoming();
  // The exchange is over. What the client still sends of its request is of no interest.
  void conclude();

  const http::ConnectionInfo& connection() const override { return connection_.info_; }
  void send_interim(int status, const http::Headers& headers) noexcept override;
  base::Result<void> send_head(const http::Response& response, bool ends) override;
  base::Task<base::Result<void>> write(base::Bytes piece) override;
  base::Result<void> finish(const http::Headers& trailers) override;
  bool carries_trailers() const override { return !closed && !output_has_ended; }
  void abort(const base::Error& why) noexcept override;
  base::Time last_taken() const override { return moved_at; }
  base::Reason left_by() const override;

  base::Task<base::Result<base::Bytes>> read() override;
  const http::Headers& trailers() const override { return Stream::trailers; }
  std::optional<std::uint64_t> size() const override { return declared_; }
  void drop() noexcept override { ignore_data(); }

  void reap() noexcept override { delete this; }

  bool has_tunnel() const { return is_tunnel_ && is_answered; }

  base::Child running;       // the exchange
  bool is_starting = false;  // it runs for the first time
  bool is_released = false;
  std::size_t place = 0;  // in the connection's table

 private:
  base::Result<base::Bytes> next_piece();
  base::Task<base::Result<base::Bytes>> more();
  base::Task<base::Result<void>> wait_until_taken();
  std::optional<base::Error> refusal_of(const Section& section) const;
  std::optional<base::Error> refusal_of_target(const Section& section) const;
  base::Result<void> open_websocket(const http::Response& response, bool ends);
  base::Error gone() const;

  ServerConnection& connection_;
  std::optional<std::uint64_t> declared_;
  http::BodyPace pace_;  // of the request
  int interim_count_ = 0;
  bool has_continued_ = false;  // 100 was sent
  bool wants_continue_ = false;
  bool may_pause_ = false;  // in the request's body, as every tunnel
  bool is_tunnel_ = false;  // asked for: what follows the head is no content
  bool is_websocket_ = false;
};

}  // namespace http2
