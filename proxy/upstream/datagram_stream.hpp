// A socket of datagrams to an upstream as the stream of a request that is not sent: each piece that
// is written or read is one datagram. Owned by the TunnelBody that reads it; the worker's thread.
#pragma once

#include "proxy/base/counted.hpp"
#include "proxy/net/datagrams.hpp"
#include "proxy/upstream/endpoint.hpp"
#include "proxy/upstream/headless_stream.hpp"

#include <memory>
#include <optional>

namespace upstream {

class DatagramStream final : public HeadlessStream {
 public:
  DatagramStream(std::unique_ptr<net::ConnectedDatagrams> socket, base::Ref<Endpoint> endpoint)
      : socket_(std::move(socket)), endpoint_(std::move(endpoint)) {
    ++endpoint_->in_flight;
  }
  ~DatagramStream() override { --endpoint_->in_flight; }

  http::Task<http::Result<void>> write(http::Bytes datagram) override;
  // Datagrams have no end: with the client's, the session's has come.
  http::Result<void> finish(const http::Headers& trailers) override;
  void abort(const http::Error& why) noexcept override;
  http::Task<http::Result<http::Bytes>> read() override;

 private:
  const http::Error& lost(boost::system::error_code cause);
  void answered();

  const std::unique_ptr<net::ConnectedDatagrams> socket_;
  const base::Ref<Endpoint> endpoint_;
  std::optional<http::Error> failure_;
  bool has_answered_ = false;
  bool has_ended_ = false;
};

}  // namespace upstream
