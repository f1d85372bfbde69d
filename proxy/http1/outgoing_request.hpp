// One request and its response on an upstream HTTP/1 connection. It gives the connection back as
// soon as both messages are complete; dropped before that, it closes it. See client.hpp.
#pragma once

#include "proxy/http1/chunked.hpp"
#include "proxy/http1/client.hpp"

#include <optional>
#include <string>

namespace http1 {

class OutgoingRequest final : public http::ClientStream {
 public:
  explicit OutgoingRequest(ClientConnection& connection)
      : connection_(&connection),
        transport_(connection.transport()),
        written_before_(transport_.written()) {}
  ~OutgoingRequest() override;

  base::Result<void> send_head(const http::RequestHead& head, bool ends) override;
  base::Task<base::Result<void>> write(base::Bytes piece) override;
  base::Result<void> finish(const http::Headers& trailers) override;
  base::Task<base::Result<void>> flushed() override;
  void abort(const base::Error& why) noexcept override;
  base::Task<http::Reply> read_head(http::Interim& interim) override;
  bool has_body() const override { return has_body_; }

  base::Task<base::Result<base::Bytes>> read() override;
  const http::Headers& trailers() const override { return trailers_; }
  std::optional<std::uint64_t> size() const override { return size_; }

 private:
  enum class Framing : std::uint8_t { none, length, chunked, until_close, tunnel };

  base::Task<base::Result<void>> wait_until_taken(std::size_t most);
  base::Task<base::Result<base::Bytes>> more_body();
  // A head from what was read: nothing = more is needed.
  std::optional<http::Reply> take_head(http::Interim& interim);
  void pass_on(const ParsedResponse& head, http::Interim& interim);
  http::Reply understand(const ParsedResponse& head);
  void ask_to_upgrade(std::string& out, const http::RequestHead& head);
  http::Reply upgraded(const ParsedResponse& head);
  base::Result<base::Bytes> counted_piece();
  base::Result<base::Bytes> next_piece();
  base::Result<base::Bytes> end_of_input(const net::Input& input);
  base::Error lost(boost::system::error_code cause) const;
  void response_ended();
  void release_if_done();
  http::Headers headers_of(const ParsedResponse& head) const;

  ClientConnection* connection_;  // null once it was given back
  net::Transport& transport_;
  std::uint64_t written_before_;
  http::Method method_ = http::Method::get;

  base::Bytes input_;
  std::string partial_;
  ScanState scan_;
  Framing framing_ = Framing::none;
  std::uint64_t body_left_ = 0;
  std::optional<std::uint64_t> size_;
  std::optional<ChunkedDecoder> chunks_;
  http::Headers trailers_;
  std::optional<base::Error> failure_;
  int interim_count_ = 0;
  bool is_chunking_ = false;
  bool has_body_ = false;
  bool request_has_ended_ = false;
  bool response_has_ended_ = false;
  bool keeps_alive_ = false;
  bool is_fit_ = true;  // for another exchange, as far as the interim responses go
  bool has_asked_to_upgrade_ = false;
  std::string own_answer_;  // to a key that we made; "" = the client made it and looks itself
};

}  // namespace http1
