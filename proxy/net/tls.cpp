#include "proxy/net/tls.hpp"

#include "certs/identity.hpp"
#include "proxy/base/error_category.hpp"
#include "proxy/net/tls_mistrust.hpp"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace net {
namespace {

std::string message_of_tls(int code) {
  const char* reason =
      ERR_reason_error_string(static_cast<unsigned long>(static_cast<unsigned>(code)));
  return reason ? reason : "TLS error";
}

constexpr std::string_view broken = "the connection broke";
constexpr std::uint64_t free_messages = 64;
constexpr std::uint64_t bytes_a_message = 64 * 1024;

// Before each call, so that what it says is its own. ERR_clear_error goes through all places of the
// queue, which is nearly always empty.
void forget_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

boost::system::error_code cause_of(unsigned long code) {
  return {static_cast<int>(static_cast<unsigned>(code)), tls_category()};
}

boost::system::error_code connection_reset() {
  return boost::system::errc::make_error_code(boost::system::errc::connection_reset);
}

// What both sides are configured to, or what a peer is that does not speak TLS. Anything else may
// end otherwise the next time: a server that restarts says internal_error.
bool is_lasting(int reason) {
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case SSL_R_DH_KEY_TOO_SMALL:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY:
    case SSL_R_TLSV1_UNRECOGNIZED_NAME:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
      return true;
    default:
      return false;
  }
}

// What went wrong, of SSL_ERROR_SSL: OpenSSL's first words are the cause, later ones its callers'.
// But of a certificate, whose signature may be what failed first, the last ones tell.
base::Error explained(const SSL* ssl, base::Error error) {
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  const long verdict = SSL_get_verify_result(ssl);
  const bool is_of_certificate =
      ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED;
  if (is_of_certificate && verdict != X509_V_OK) {
    error.detail = "the certificate is not trusted";
    error.cause = certificate_error(static_cast<int>(verdict));
    error.lasting = true;
    return error;
  }
  if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
    error.detail = "the client showed no certificate";
  else
    error.detail = "the TLS protocol was violated, or nothing is supported in common";
  error.cause = cause_of(code);
  error.lasting = is_lasting(reason);
  return error;
}

// A handshake of a client of that context, while OpenSSL has it: the only time when a certificate
// can be looked at that is then not taken. One at a time on a thread.
class Verifying {
 public:
  explicit Verifying(const certs::TlsContext& context) : context_(context) { present = this; }
  Verifying(const Verifying&) = delete;
  Verifying& operator=(const Verifying&) = delete;
  ~Verifying() { present = nullptr; }

  // For SSL_set_verify.
  static int on_verified(int is_trusted, X509_STORE_CTX* store) {
    if (!is_trusted && present) present->look(store);
    return is_trusted;
  }
  // Why it was not taken; none = it was, or nobody asked.
  const boost::system::error_code& mistrust() const { return mistrust_; }

 private:
  void look(X509_STORE_CTX* store) {
    auto* ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    const int verdict = X509_STORE_CTX_get_error(store);
    mistrust_ =
        certificate_error(verdict, explain(verdict, X509_STORE_CTX_get0_cert(store),
                                           X509_STORE_CTX_get_current_cert(store), ssl, context_));
  }

  static thread_local Verifying* present;
  const certs::TlsContext& context_;
  boost::system::error_code mistrust_;
};

thread_local Verifying* Verifying::present = nullptr;

// Cuts what is to be written into records.
class Records {
 public:
  explicit Records(std::span<const iovec> parts) : parts_(parts) {}

  // The next one's text, valid until the next call; "" = there is no more.
  std::string_view next() {
    skip_taken();
    if (parts_.empty()) return {};
    if (left_of_first() >= largest || parts_.size() == 1)
      return take(std::min(left_of_first(), largest));
    thread_local std::array<char, largest> joined;
    std::size_t size = 0;
    while (size < largest && !parts_.empty()) {
      const std::string_view piece = take(std::min(left_of_first(), largest - size));
      std::memcpy(joined.data() + size, piece.data(), piece.size());
      size += piece.size();
      skip_taken();
    }
    return {joined.data(), size};
  }

 private:
  static constexpr std::size_t largest = 16 * 1024;

  std::size_t left_of_first() const { return parts_.front().iov_len - taken_; }
  void skip_taken() {
    while (!parts_.empty() && left_of_first() == 0) {
      parts_ = parts_.subspan(1);
      taken_ = 0;
    }
  }
  std::string_view take(std::size_t count) {
    const char* begin = static_cast<const char*>(parts_.front().iov_base) + taken_;
    taken_ += count;
    return {begin, count};
  }

  std::span<const iovec> parts_;
  std::size_t taken_ = 0;  // of the first
};

}  // namespace

const boost::system::error_category& tls_category() {
  static const base::ErrorCategory category("tls", message_of_tls);
  return category;
}

TlsSession::TlsSession(std::shared_ptr<const certs::TlsContext> context, int descriptor, Role role)
    : context_(std::move(context)),
      wire_(descriptor),
      ssl_(SSL_new(context_->get()), SSL_free),
      role_(role) {
  error_.fault = role == Role::server ? base::Fault::downstream : base::Fault::upstream;
  BIO* bio = ssl_ ? TlsWire::bio() : nullptr;
  has_failed_ = !bio;
  if (has_failed_) return;
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_info_callback(ssl_.get(), on_progress);
  if (role == Role::server) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
    if (!context_->sni.empty()) SSL_set_tlsext_host_name(ssl_.get(), context_->sni.c_str());
    const int checks = SSL_get_verify_mode(ssl_.get());
    if (checks != SSL_VERIFY_NONE) SSL_set_verify(ssl_.get(), checks, Verifying::on_verified);
  }
}

thread_local TlsSession* TlsSession::present_ = nullptr;

void TlsSession::begin(bool may_end) {
  present_ = this;
  wire_.begin(may_end);
}

void TlsSession::on_progress(const SSL*, int where, int) {
  if (where & SSL_CB_LOOP) ++present_->messages_;
}

// A key update costs the peer a few bytes and us a key schedule and an answer.
bool TlsSession::is_flooded() const {
  return messages_ > free_messages + received_ / bytes_a_message;
}

TlsStatus TlsSession::fail(base::Error error, std::size_t bytes) {
  has_failed_ = true;
  error_ = error;
  forget_errors();
  return {TlsStatus::State::failed, bytes};
}

// OpenSSL is not told, or the other direction would end with this one: a peer that has only stopped
// sending is still to get its answer, and a close_notify.
TlsStatus TlsSession::truncated(std::size_t bytes) {
  error_.detail = "the connection was closed without a close_notify";
  error_.cause = cause_of(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_UNEXPECTED_EOF_WHILE_READING));
  return {TlsStatus::State::failed, bytes};
}

TlsStatus TlsSession::outcome(int result, std::size_t bytes) {
  base::Error error = error_;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE:
      return {TlsStatus::State::ok, bytes};
    case SSL_ERROR_WANT_READ:
      return wire_.has_ended() ? truncated(bytes) : TlsStatus{TlsStatus::State::want_read, bytes};
    case SSL_ERROR_ZERO_RETURN:
      return {TlsStatus::State::end, bytes};
    case SSL_ERROR_SYSCALL:
      error.detail = broken;
      error.cause = wire_.read_error() ? wire_.read_error() : connection_reset();
      return fail(error, bytes);
    default:
      return fail(explained(ssl_.get(), error), bytes);
  }
}

void TlsSession::offer(Offer what) {
  if (what == Offer::as_configured || !ssl_) return;
  std::string_view wire;
  if (what == Offer::http1) wire = "\x08http/1.1";
  if (what == Offer::h2) wire = "\x02h2";
  SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                      static_cast<unsigned>(wire.size()));
}

TlsStatus TlsSession::handshake(bool may_end) {
  if (has_failed_) return {TlsStatus::State::failed, 0};
  begin(may_end);
  const TlsStatus status = handshake_step();
  wire_.finish();
  return status;
}

TlsStatus TlsSession::handshake_step() {
  forget_errors();
  const Verifying verifying(*context_);
  const TlsStatus status = outcome(SSL_do_handshake(ssl_.get()), 0);
  if (verifying.mistrust() && has_failed_) error_.cause = verifying.mistrust();
  if (status.state != TlsStatus::State::ok) return status;
  messages_ = 0;
  return check_peer();
}

TlsStatus TlsSession::check_peer() {
  if (role_ == Role::server || context_->san.empty()) return {};
  X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate && certs::has_name(certificate, context_->san)) return {};
  base::Error error = error_;
  error.detail = "the certificate has none of the names in `san`";
  error.cause = certificate_error(
      X509_V_ERR_HOSTNAME_MISMATCH,
      explain(X509_V_ERR_HOSTNAME_MISMATCH, certificate, certificate, ssl_.get(), *context_));
  error.lasting = true;
  return fail(error, 0);
}

TlsStatus TlsSession::read(char* room, std::size_t size, bool may_end) {
  if (has_failed_) return {TlsStatus::State::failed, 0};
  begin(may_end);
  const TlsStatus status = read_records(room, size);
  wire_.finish();
  return status;
}

TlsStatus TlsSession::read_records(char* room, std::size_t size) {
  std::size_t total = 0;
  while (total < size) {
    forget_errors();
    std::size_t got = 0;
    const std::uint64_t before = messages_;
    const int result = SSL_read_ex(ssl_.get(), room + total, size - total, &got);
    total += got;
    received_ += got;
    if (is_flooded()) {
      base::Error error = error_;
      error.detail = "the peer floods us with key updates";
      return fail(error, total);
    }
    if (result == 1) continue;
    const TlsStatus status = outcome(result, total);
    const bool is_over = status.state != TlsStatus::State::want_read || messages_ == before;
    if (is_over) return status;
  }
  return {TlsStatus::State::ok, total};
}

TlsStatus TlsSession::write(std::span<const iovec> parts) {
  if (has_failed_) return {TlsStatus::State::failed, 0};
  wire_.flush();
  begin(false);
  Records records(parts);
  std::size_t total = 0;
  TlsStatus status;
  while (status.state == TlsStatus::State::ok && !wire_.is_full()) {
    const std::string_view text = records.next();
    if (text.empty()) break;
    forget_errors();
    std::size_t taken = 0;
    status = outcome(SSL_write_ex(ssl_.get(), text.data(), text.size(), &taken), 0);
    total += taken;
  }
  wire_.finish();
  if (status.state == TlsStatus::State::ok && wire_.unsent() > 0)
    status.state = TlsStatus::State::want_write;
  // The session itself goes on: what the peer sent before it left can be read.
  if (wire_.write_error()) {
    status.state = TlsStatus::State::failed;
    error_.detail = broken;
    error_.cause = wire_.write_error();
  }
  status.bytes = total;
  return status;
}

void TlsSession::shutdown() {
  if (has_failed_ || is_shut_ || !SSL_is_init_finished(ssl_.get())) return;
  is_shut_ = true;
  forget_errors();
  begin(false);
  SSL_shutdown(ssl_.get());
  wire_.finish();
  forget_errors();
}

std::string_view TlsSession::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string TlsSession::peer_identity() const {
  X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (!certificate || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return {};
  return certs::identity_of(certificate);
}

}  // namespace net
