// One request and its response on an upstream HTTP/2 connection. It may outlive the connection. See
// client.hpp.
#pragma once

#include "proxy/http2/client.hpp"

#include <optional>

namespace http2 {

class ClientConnection::OutgoingStream final : public http::ClientStream, public Stream {
 public:
  explicit OutgoingStream(ClientConnection& connection);
  ~OutgoingStream() override;

  base::Task<base::Result<bool>> takes_upgrades() override;
  base::Task<base::Result<void>> flushed() override;
  base::Result<void> send_head(const http::RequestHead& head, bool ends) override;
  base::Task<base::Result<void>> write(base::Bytes piece) override;
  base::Result<void> finish(const http::Headers& trailers) override;
  void abort(const base::Error& why) noexcept override;
  base::Task<http::Reply> read_head(http::Interim& interim) override;
  bool has_body() const override { return has_body_; }
  base::Task<base::Result<base::Bytes>> read() override;
  const http::Headers& trailers() const override { return Stream::trailers; }
  std::optional<std::uint64_t> size() const override { return size_; }

  // The connection is lost.
  void fail(const base::Error& error);
  // The head waits for the peer to allow one stream more, and it will not.
  bool is_kept_waiting() const { return id != 0 && !is_head_sent && !closed; }
  void refuse();
  void settings_came() {
    if (id == 0 && readable.has_waiter()) readable.set();
  }

  struct InConnection : base::Link {
    explicit InConnection(OutgoingStream& of) : stream(of) {}
    OutgoingStream& stream;
  };
  static OutgoingStream& of(base::Link& link) { return static_cast<InConnection&>(link).stream; }

 private:
  base::Task<base::Result<void>> wait_until_taken();
  base::Result<void> send_upgrade(const http::RequestHead& request);
  base::Result<void> submit(const http::RequestHead& request, bool ends);
  http::Reply understand();
  base::Result<base::Bytes> next_piece();
  base::Task<base::Result<base::Bytes>> more();
  http::Reply upgraded(http::Response& response);
  // Why nothing more will come; nothing = more may.
  std::optional<base::Error> end_of_it(bool has_response) const;
  void wake();

  ClientConnection* connection_;  // null once it is lost
  http::Method method_ = http::Method::get;
  bool is_websocket_ = false;
  std::string answer_;  // to the key of the client; "" = it has made none
  std::optional<std::uint64_t> size_;
  std::optional<base::Error> failure_;
  bool has_body_ = false;
  InConnection in_connection_{*this};
};

}  // namespace http2
