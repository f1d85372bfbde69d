// A transport of an upstream as the stream of a request that is not sent: once it is open both
// directions are bytes. Dropped before both have ended, it resets the connection. Owned by the
// TunnelBody that reads it; the worker's thread.
#pragma once

#include "proxy/upstream/headless_stream.hpp"
#include "proxy/upstream/tunnel.hpp"

#include <optional>
#include <utility>

namespace upstream {

class RawStream final : public HeadlessStream {
 public:
  explicit RawStream(Tunnel tunnel) : tunnel_(std::move(tunnel)) {}
  ~RawStream() override {
    if (!has_sent_all_ || !has_read_all_) tunnel_->reset();
  }

  http::Task<http::Result<void>> write(http::Bytes piece) override;
  http::Result<void> finish(const http::Headers& trailers) override;
  http::Task<http::Result<void>> flushed() override;
  void abort(const http::Error& why) noexcept override;
  http::Task<http::Result<http::Bytes>> read() override;

 private:
  Tunnel tunnel_;
  std::optional<http::Error> failure_;
  bool has_sent_all_ = false;
  bool has_read_all_ = false;
};

}  // namespace upstream
