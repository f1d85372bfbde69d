#include "proxy/net/tls.hpp"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <cerrno>

#include "certs/identity.hpp"

namespace net {
namespace {

// Boost's class has no virtual destructor; nobody deletes a category through it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"

class TlsCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "tls"; }
  std::string message(int code) const override {
    const char* reason = ERR_reason_error_string(static_cast<unsigned long>(
        static_cast<unsigned>(code)));
    return reason ? reason : "TLS error";
  }
};

class VerifyCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "certificate"; }
  std::string message(int code) const override { return X509_verify_cert_error_string(code); }
};

#pragma GCC diagnostic pop

constexpr std::uint64_t free_messages = 64;
constexpr std::uint64_t bytes_a_message = 64 * 1024;

// What went wrong, of SSL_ERROR_SSL: OpenSSL's first words are the cause, later ones its callers'.
base::Error explained(const SSL* ssl, base::Error error) {
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  const long verdict = SSL_get_verify_result(ssl);
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verdict != X509_V_OK) {
    error.detail = "the certificate is not trusted";
    error.cause = {static_cast<int>(verdict), verify_category()};
    return error;
  }
  if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
    error.detail = "the client showed no certificate";
  else if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
    error.detail = "the connection was closed without a close_notify";
  else
    error.detail = "the TLS protocol was violated, or nothing is supported in common";
  error.cause = {static_cast<int>(static_cast<unsigned>(code)), tls_category()};
  return error;
}

}  // namespace

const boost::system::error_category& tls_category() {
  static const TlsCategory category;
  return category;
}

const boost::system::error_category& verify_category() {
  static const VerifyCategory category;
  return category;
}

TlsSession::TlsSession(std::shared_ptr<const certs::Context> context, int descriptor, Role role)
    : context_(std::move(context)), ssl_(SSL_new(context_->get()), SSL_free), role_(role) {
  error_.fault = role == Role::server ? base::Fault::downstream : base::Fault::upstream;
  has_failed_ = !ssl_ || SSL_set_fd(ssl_.get(), descriptor) != 1;
  if (has_failed_) return;
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_info_callback(ssl_.get(), on_progress);
  if (role == Role::server) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
    if (!context_->sni.empty()) SSL_set_tlsext_host_name(ssl_.get(), context_->sni.c_str());
  }
}

void TlsSession::on_progress(const SSL* ssl, int where, int) {
  if (where & SSL_CB_LOOP) ++static_cast<TlsSession*>(SSL_get_app_data(ssl))->messages_;
}

// A key update costs the peer a few bytes and us a key schedule and an answer.
bool TlsSession::is_flooded() const {
  return messages_ > free_messages + received_ / bytes_a_message;
}

TlsStatus TlsSession::fail(base::Error error, std::size_t bytes) {
  has_failed_ = true;
  error_ = error;
  ERR_clear_error();
  return {TlsStatus::State::failed, bytes};
}

TlsStatus TlsSession::outcome(int result, std::size_t bytes) {
  const int problem = errno;
  base::Error error = error_;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE:
      return {TlsStatus::State::ok, bytes};
    case SSL_ERROR_WANT_READ:
      return {TlsStatus::State::want_read, bytes};
    case SSL_ERROR_WANT_WRITE:
      return {TlsStatus::State::want_write, bytes};
    case SSL_ERROR_ZERO_RETURN:
      return {TlsStatus::State::end, bytes};
    case SSL_ERROR_SYSCALL:
      error.detail = "the connection broke";
      error.cause = {problem ? problem : ECONNRESET, boost::system::system_category()};
      return fail(error, bytes);
    default:
      return fail(explained(ssl_.get(), error), bytes);
  }
}

TlsStatus TlsSession::handshake() {
  if (has_failed_) return {TlsStatus::State::failed, 0};
  ERR_clear_error();
  errno = 0;
  const int result = SSL_do_handshake(ssl_.get());
  const TlsStatus status = outcome(result, 0);
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
  error.cause = {X509_V_ERR_HOSTNAME_MISMATCH, verify_category()};
  return fail(error, 0);
}

TlsStatus TlsSession::read(char* room, std::size_t size) {
  if (has_failed_) return {TlsStatus::State::failed, 0};
  std::size_t total = 0;
  while (total < size) {
    ERR_clear_error();
    errno = 0;
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
    const bool is_dry = status.state != TlsStatus::State::want_read || messages_ == before;
    if (is_dry) return status;
  }
  return {TlsStatus::State::ok, total};
}

TlsStatus TlsSession::write(std::string_view bytes) {
  if (has_failed_) return {TlsStatus::State::failed, 0};
  ERR_clear_error();
  errno = 0;
  std::size_t sent = 0;
  const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent);
  return result == 1 ? TlsStatus{TlsStatus::State::ok, sent} : outcome(result, 0);
}

void TlsSession::shutdown() {
  if (has_failed_ || !SSL_is_init_finished(ssl_.get())) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
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
